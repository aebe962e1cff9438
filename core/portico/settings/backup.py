"""Settings of backups in an S3-compatible store."""

from typing import Annotated, Literal

from portico.settings.section import Secret, Section, setting


class BackupSettings(Section):
    """The S3-compatible store of `portico backup s3://bucket/prefix`. What is empty is read from AWS's own variables."""

    s3_endpoint: Annotated[
        str,
        setting(
            "Address of the store, such as https://s3.example.org; empty = Amazon's", form="url"
        ),
    ] = ""
    s3_region: Annotated[str, setting("Region of the bucket")] = ""
    s3_key_id: Annotated[str, setting("Access key id")] = ""
    s3_secret_key: Annotated[Secret, setting("Secret access key")] = Secret()
    s3_addressing: Annotated[
        Literal["path", "virtual"],
        setting("Whether the bucket is part of the path, or of the host name"),
    ] = "path"
