"""Multipart forms, read piece by piece.

Constants:

    MAX_PARTS  Number of fields and files of one form.
"""

from portico.web.request.form_parts import MAX_PARTS, FormPart, read_form_parts

__all__ = ["MAX_PARTS", "FormPart", "read_form_parts"]
