"""The resource kind of models, as policies name it."""

from typing import Final

from portico.api.policy import ResourceKind

KIND: Final = "model"
#: Actions in policies; the policy file `models.csv` describes each one.
ITEM_ACTIONS: Final = ("list", "read", "use", "write", "delete", "share")
COLLECTION_ACTIONS: Final = (
    *("create", "share_with_users", "share_publicly", "override", "delete_all"),
    *("export", "import", "sync"),
)
MODELS: Final = ResourceKind(
    KIND, "models_model", ITEM_ACTIONS, collection_actions=COLLECTION_ACTIONS
)
