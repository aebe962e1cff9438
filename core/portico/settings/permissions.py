"""Default permissions of verified accounts, one setting each.

A field's name is the section, an underscore, and the key: `workspace_models_import` is the leaf
`workspace.models_import` of the permission tree. Source: the tree and the variables of the reference;
`sharing.knowledge` and `sharing.notes` have their own variables in addition, and fall back to the reference's.
"""

from typing import Annotated

from portico.settings.section import Section, setting


class PermissionDefaults(Section):
    """Permissions of an account without groups. Groups only add permissions."""

    workspace_models: Annotated[
        bool, setting("Create workspace models", env="USER_PERMISSIONS_WORKSPACE_MODELS_ACCESS")
    ] = False
    workspace_knowledge: Annotated[
        bool,
        setting("Create knowledge collections", env="USER_PERMISSIONS_WORKSPACE_KNOWLEDGE_ACCESS"),
    ] = False
    workspace_prompts: Annotated[
        bool, setting("Create prompts", env="USER_PERMISSIONS_WORKSPACE_PROMPTS_ACCESS")
    ] = False
    workspace_tools: Annotated[
        bool, setting("Create tools", env="USER_PERMISSIONS_WORKSPACE_TOOLS_ACCESS")
    ] = False
    workspace_models_import: Annotated[
        bool, setting("Import models", env="USER_PERMISSIONS_WORKSPACE_MODELS_IMPORT")
    ] = False
    workspace_models_export: Annotated[
        bool, setting("Export models", env="USER_PERMISSIONS_WORKSPACE_MODELS_EXPORT")
    ] = False
    workspace_prompts_import: Annotated[
        bool, setting("Import prompts", env="USER_PERMISSIONS_WORKSPACE_PROMPTS_IMPORT")
    ] = False
    workspace_prompts_export: Annotated[
        bool, setting("Export prompts", env="USER_PERMISSIONS_WORKSPACE_PROMPTS_EXPORT")
    ] = False
    workspace_tools_import: Annotated[
        bool, setting("Import tools", env="USER_PERMISSIONS_WORKSPACE_TOOLS_IMPORT")
    ] = False
    workspace_tools_export: Annotated[
        bool, setting("Export tools", env="USER_PERMISSIONS_WORKSPACE_TOOLS_EXPORT")
    ] = False

    sharing_models: Annotated[
        bool,
        setting(
            "Share models with users and groups",
            env="USER_PERMISSIONS_WORKSPACE_MODELS_ALLOW_SHARING",
        ),
    ] = False
    sharing_public_models: Annotated[
        bool,
        setting(
            "Share models with all users",
            env="USER_PERMISSIONS_WORKSPACE_MODELS_ALLOW_PUBLIC_SHARING",
        ),
    ] = False
    sharing_knowledge: Annotated[
        bool,
        setting(
            "Share knowledge with users and groups",
            env=(
                "USER_PERMISSIONS_WORKSPACE_KNOWLEDGE_ALLOW_SHARING",
                "USER_PERMISSIONS_WORKSPACE_KNOWLEDGE_ALLOW_PUBLIC_SHARING",
            ),
        ),
    ] = False
    sharing_public_knowledge: Annotated[
        bool,
        setting(
            "Share knowledge with all users",
            env="USER_PERMISSIONS_WORKSPACE_KNOWLEDGE_ALLOW_PUBLIC_SHARING",
        ),
    ] = False
    sharing_prompts: Annotated[
        bool,
        setting(
            "Share prompts with users and groups",
            env="USER_PERMISSIONS_WORKSPACE_PROMPTS_ALLOW_SHARING",
        ),
    ] = False
    sharing_public_prompts: Annotated[
        bool,
        setting(
            "Share prompts with all users",
            env="USER_PERMISSIONS_WORKSPACE_PROMPTS_ALLOW_PUBLIC_SHARING",
        ),
    ] = False
    sharing_tools: Annotated[
        bool,
        setting(
            "Share tools with users and groups",
            env="USER_PERMISSIONS_WORKSPACE_TOOLS_ALLOW_SHARING",
        ),
    ] = False
    sharing_public_tools: Annotated[
        bool,
        setting(
            "Share tools with all users",
            env="USER_PERMISSIONS_WORKSPACE_TOOLS_ALLOW_PUBLIC_SHARING",
        ),
    ] = False
    sharing_notes: Annotated[
        bool,
        setting(
            "Share notes with users and groups",
            env=(
                "USER_PERMISSIONS_NOTES_ALLOW_SHARING",
                "USER_PERMISSIONS_NOTES_ALLOW_PUBLIC_SHARING",
            ),
        ),
    ] = False
    sharing_public_notes: Annotated[
        bool,
        setting("Share notes with all users", env="USER_PERMISSIONS_NOTES_ALLOW_PUBLIC_SHARING"),
    ] = False

    chat_controls: Annotated[
        bool, setting("Open the settings panel of a chat", env="USER_PERMISSIONS_CHAT_CONTROLS")
    ] = True
    chat_valves: Annotated[
        bool, setting("Set valves (parameters of functions)", env="USER_PERMISSIONS_CHAT_VALVES")
    ] = True
    chat_system_prompt: Annotated[
        bool, setting("Set the system prompt of a chat", env="USER_PERMISSIONS_CHAT_SYSTEM_PROMPT")
    ] = True
    chat_params: Annotated[
        bool, setting("Set the parameters of a chat", env="USER_PERMISSIONS_CHAT_PARAMS")
    ] = True
    chat_file_upload: Annotated[
        bool, setting("Upload files", env="USER_PERMISSIONS_CHAT_FILE_UPLOAD")
    ] = True
    chat_delete: Annotated[bool, setting("Delete chats", env="USER_PERMISSIONS_CHAT_DELETE")] = True
    chat_delete_message: Annotated[
        bool, setting("Delete messages", env="USER_PERMISSIONS_CHAT_DELETE_MESSAGE")
    ] = True
    chat_continue_response: Annotated[
        bool, setting("Continue an answer", env="USER_PERMISSIONS_CHAT_CONTINUE_RESPONSE")
    ] = True
    chat_regenerate_response: Annotated[
        bool, setting("Generate an answer again", env="USER_PERMISSIONS_CHAT_REGENERATE_RESPONSE")
    ] = True
    chat_rate_response: Annotated[
        bool, setting("Rate answers", env="USER_PERMISSIONS_CHAT_RATE_RESPONSE")
    ] = True
    chat_edit: Annotated[bool, setting("Edit messages", env="USER_PERMISSIONS_CHAT_EDIT")] = True
    chat_share: Annotated[bool, setting("Share chats", env="USER_PERMISSIONS_CHAT_SHARE")] = True
    chat_export: Annotated[bool, setting("Export chats", env="USER_PERMISSIONS_CHAT_EXPORT")] = True
    chat_import: Annotated[bool, setting("Import chats", env="USER_PERMISSIONS_CHAT_IMPORT")] = True
    chat_stt: Annotated[bool, setting("Dictate messages", env="USER_PERMISSIONS_CHAT_STT")] = True
    chat_tts: Annotated[
        bool, setting("Listen to answers read aloud", env="USER_PERMISSIONS_CHAT_TTS")
    ] = True
    # Off: calls need a server that transcribes speech, so clients must not offer them.
    chat_call: Annotated[
        bool, setting("Talk to a model by voice call", env="USER_PERMISSIONS_CHAT_CALL")
    ] = False
    chat_multiple_models: Annotated[
        bool, setting("Ask several models at once", env="USER_PERMISSIONS_CHAT_MULTIPLE_MODELS")
    ] = True
    chat_temporary: Annotated[
        bool, setting("Use temporary chats", env="USER_PERMISSIONS_CHAT_TEMPORARY")
    ] = True
    chat_temporary_enforced: Annotated[
        bool,
        setting("Use temporary chats only", env="USER_PERMISSIONS_CHAT_TEMPORARY_ENFORCED"),
    ] = False

    features_api_keys: Annotated[
        bool, setting("Create API keys", env="USER_PERMISSIONS_FEATURES_API_KEYS")
    ] = False
    features_notes: Annotated[bool, setting("Use notes", env="USER_PERMISSIONS_FEATURES_NOTES")] = (
        True
    )
    features_folders: Annotated[
        bool, setting("Use folders", env="USER_PERMISSIONS_FEATURES_FOLDERS")
    ] = True
    features_channels: Annotated[
        bool, setting("Use channels", env="USER_PERMISSIONS_FEATURES_CHANNELS")
    ] = True
    features_direct_tool_servers: Annotated[
        bool,
        setting("Connect own tool servers", env="USER_PERMISSIONS_FEATURES_DIRECT_TOOL_SERVERS"),
    ] = False
    features_web_search: Annotated[
        bool, setting("Search the web", env="USER_PERMISSIONS_FEATURES_WEB_SEARCH")
    ] = True
    features_image_generation: Annotated[
        bool, setting("Generate images", env="USER_PERMISSIONS_FEATURES_IMAGE_GENERATION")
    ] = True
    features_code_interpreter: Annotated[
        bool, setting("Run code", env="USER_PERMISSIONS_FEATURES_CODE_INTERPRETER")
    ] = True
