-- What the plugin has to know and nobody else may read. `locked` is a text of the vault.
CREATE TABLE ldap_secret (
    name TEXT PRIMARY KEY NOT NULL,
    locked TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);
