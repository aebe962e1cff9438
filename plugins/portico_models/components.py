"""The objects of this plugin, built once per application."""

from dataclasses import dataclass
from typing import Self

from portico.api import AppContext
from portico_models.records.change_log import ChangeLog
from portico_models.records.reader import ModelReader
from portico_models.records.versions import VersionStore
from portico_models.records.writer import ModelWriter
from portico_models.settings import ModelsSettings
from portico_models.templates.apply import TemplateApplier
from portico_models.templates.service import TemplateService
from portico_models.transfer.batches import BatchedModelImport
from portico_models.transfer.exporter import ModelExport
from portico_models.transfer.importer import ModelImport
from portico_models.transfer.options import ImportOptions
from portico_models.usage.pool import UsagePool
from portico_models.workspace.history import ModelHistory
from portico_models.workspace.pictures import DefaultPicture
from portico_models.workspace.service import Models
from portico_models.workspace.views import ModelViews


@dataclass(frozen=True, slots=True)
class ModelsPlugin:
    """What hooks, routes and commands of this plugin share."""

    app: AppContext
    reader: ModelReader
    writer: ModelWriter
    models: Models
    views: ModelViews
    history: ModelHistory
    templates: TemplateService
    template_applier: TemplateApplier
    export: ModelExport
    usage: UsagePool
    default_picture: DefaultPicture

    @classmethod
    def build(cls, app: AppContext, settings: ModelsSettings) -> Self:
        """Build all objects. Reads files of this package."""
        changes, versions = ChangeLog(), VersionStore(settings.versions_kept)
        writer = ModelWriter(app, changes, versions)
        models, templates = Models(app, writer), TemplateService(app)
        return cls(
            app=app,
            reader=ModelReader(app, changes),
            writer=writer,
            models=models,
            views=ModelViews(app, changes),
            history=ModelHistory(app, versions, models),
            templates=templates,
            template_applier=TemplateApplier(app, models, templates),
            export=ModelExport(app),
            usage=UsagePool(app),
            default_picture=DefaultPicture(app),
        )

    def new_import(self, options: ImportOptions) -> ModelImport:
        """Return an import, to be used once."""
        return ModelImport(self.app, self.writer, self.templates, options)

    def new_batched_import(self, options: ImportOptions) -> BatchedModelImport:
        """Return an import that writes in many transactions, to be used once."""
        return BatchedModelImport(self.app, self.writer, self.templates, options)
