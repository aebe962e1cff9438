"""Reading requests: body limits, JSON decoding, query parameters and imports, with errors that name the field."""
