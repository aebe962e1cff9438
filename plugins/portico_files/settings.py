"""Settings of files."""

from typing import Annotated, Literal

from portico.api import Secret, Section, setting

#: Bytes of the unit in which sizes of files are set, as the reference's variables are.
MIB = 1024 * 1024


class FilesSettings(Section):
    """Limits of files, and where they are stored."""

    max_size: Annotated[
        int,
        setting(
            "Largest file in MiB",
            env=("RAG_FILE_MAX_SIZE", "PORTICO_FILES_MAX_SIZE"),
            runtime_key="files.max_size",
            ge=1,
            le=1024 * 1024,
        ),
    ] = 100
    max_count: Annotated[
        int,
        setting(
            "Maximum number of files in one request to a model",
            env=("RAG_FILE_MAX_COUNT", "PORTICO_FILES_MAX_COUNT"),
            runtime_key="files.max_count",
            ge=1,
            le=1000,
        ),
    ] = 20
    allowed_extensions: Annotated[
        list[str],
        setting(
            "Endings of the names of files that may be uploaded, such as txt; empty = all",
            env=("RAG_ALLOWED_FILE_EXTENSIONS", "PORTICO_FILES_ALLOWED_EXTENSIONS"),
            runtime_key="files.allowed_extensions",
        ),
    ] = []
    max_files: Annotated[
        int, setting("Maximum number of files of one account", ge=1, le=10_000_000)
    ] = 10_000
    quota: Annotated[int, setting("MiB of all files of one account together", ge=1, le=2**40)] = (
        2048
    )
    max_uploads: Annotated[
        int,
        setting("Uploads of one account that one process accepts at once", ge=1, le=100_000),
    ] = 64
    delete_with_chat: Annotated[
        bool,
        setting("Delete files with the last chat in which a model got them"),
    ] = True
    max_context_bytes: Annotated[
        int,
        setting(
            "Bytes of the texts of all attached files that a model gets with one request",
            ge=1024,
            le=16 * MIB,
        ),
    ] = 64 * 1024
    max_image_bytes: Annotated[
        int,
        setting(
            "Bytes of all stored images that a model gets with one request", ge=1024, le=256 * MIB
        ),
    ] = 20 * MIB
    store: Annotated[
        Literal["local", "s3"],
        setting(
            "Where files are stored: a directory, or a bucket of an S3-compatible store",
            env=("STORAGE_PROVIDER", "PORTICO_FILES_STORE"),
        ),
    ] = "local"
    directory: Annotated[
        str, setting("Directory of the files; empty = `files` in the data directory")
    ] = ""
    s3_bucket: Annotated[
        str, setting("Name of the bucket", env=("S3_BUCKET_NAME", "PORTICO_FILES_S3_BUCKET"))
    ] = ""
    s3_prefix: Annotated[
        str,
        setting(
            "Prefix of the keys in the bucket", env=("S3_KEY_PREFIX", "PORTICO_FILES_S3_PREFIX")
        ),
    ] = ""
    s3_region: Annotated[
        str, setting("Region of the bucket", env=("S3_REGION_NAME", "PORTICO_FILES_S3_REGION"))
    ] = ""
    s3_endpoint: Annotated[
        str,
        setting(
            "Address of the store, such as https://s3.example.org; empty = Amazon's",
            env=("S3_ENDPOINT_URL", "PORTICO_FILES_S3_ENDPOINT"),
            form="url",
        ),
    ] = ""
    s3_key_id: Annotated[
        str, setting("Access key id", env=("S3_ACCESS_KEY_ID", "PORTICO_FILES_S3_KEY_ID"))
    ] = ""
    s3_secret_key: Annotated[
        Secret,
        setting("Secret access key", env=("S3_SECRET_ACCESS_KEY", "PORTICO_FILES_S3_SECRET_KEY")),
    ] = Secret()
    s3_addressing: Annotated[
        Literal["path", "virtual"],
        setting(
            "Whether the bucket is part of the path, or of the host name",
            env=("S3_ADDRESSING_STYLE", "PORTICO_FILES_S3_ADDRESSING"),
        ),
    ] = "path"
