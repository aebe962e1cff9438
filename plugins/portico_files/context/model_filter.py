"""The filter that gives models the files of a request. It costs a look at each request, and nothing more without files."""

from typing import Final

import msgspec

from portico.api import AppContext
from portico.api.json import let_others_run
from portico.api.models import GatewayCall, ModelFilter
from portico_files.chat_files import ChatFiles
from portico_files.context.attachments import read_attachments
from portico_files.context.context_block import AttachedText, context_block, source_of
from portico_files.context.found_files import FoundFiles
from portico_files.context.images import (
    ImageBudget,
    image_part,
    may_name_files,
    named_images,
    replace_images,
)
from portico_files.context.message_parts import add_to_last_user_message
from portico_files.service import Files
from portico_files.settings import FilesSettings

#: Seconds that a call may wait for its files.
TIME_LIMIT: Final = 60.0


class FilesFilter:
    """Puts the texts of files in front of the user's last message, and images into messages."""

    def __init__(self, app: AppContext, files: Files, chat_files: ChatFiles) -> None:
        self._app, self._files, self._chat_files = app, files, chat_files
        self.found = FoundFiles(app, files)
        self._runtime = app.runtime_settings.section(FilesSettings)

    def model_filter(self) -> ModelFilter:
        """Return the filter as the gateway takes it."""
        return ModelFilter(
            name="attached", operations={"chat"}, inlet=self.inlet, time_limit=TIME_LIMIT
        )

    async def inlet(self, call: GatewayCall) -> None:
        """Replace the messages of a call with files.

        Raises: NotFound for a file that the caller may not read, or not with this credential; InvalidRequest for one that
        no model can read, and for too many; ValidationError; Unavailable.
        """
        request = call.request
        attached = request.options.get("files", msgspec.Raw(b"null"))
        raw = bytes(request.body.get("messages", b""))
        has_images = may_name_files(raw)
        if not (has_images or bytes(attached) not in (b"[]", b"null") or request.added_files):
            return
        settings = await self._runtime.current()
        ids, folder_ids = read_attachments(attached, settings.max_count)
        messages = msgspec.json.decode(raw, type=list[msgspec.Raw])
        named = named_images(messages, self._app.settings.server.url) if has_images else []
        rows = await self.found.named(request.actor, [*ids, *(one.file_id for one in named)])
        added = await self.found.added(request, folder_ids)
        if not (rows or added):
            return
        budget = ImageBudget(settings.max_image_bytes)
        for one in named:
            budget.take(rows[one.file_id])
        texts, images = [], []
        left = settings.max_context_bytes
        attachments = {row.id: row for row in [*(rows[file_id] for file_id in ids), *added]}
        chosen = list(attachments.values())[: settings.max_count]
        set_texts = await self._files.set_texts(chosen)
        for row in chosen:
            set_text = set_texts.get(row.id)
            if row.is_text or set_text is not None:
                text, size = await self._files.cut_text(row, set_text, left)
                left -= len(text.encode())
                texts.append(AttachedText(row, text, size))
            else:
                budget.take(row)
                images.append(await image_part(row, self._files))
        messages = await replace_images(messages, named, rows, self._files)
        if chosen:
            block = context_block(texts) if texts else ""
            messages = add_to_last_user_message(messages, block, images)
        encoded = msgspec.Raw(msgspec.json.encode(messages))
        await let_others_run(len(bytes(encoded)))
        call.request = msgspec.structs.replace(request, body={**request.body, "messages": encoded})
        await self._chat_files.record(request.chat_id, request.actor.id, rows.values())
        if texts:
            call.announced["sources"] = [source_of(one) for one in texts]
