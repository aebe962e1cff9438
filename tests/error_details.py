"""Error details as the web client compares them: written out here, so that a change of the product's is noticed."""

NOT_FOUND = "We could not find what you're looking for :/"
ACCESS_PROHIBITED = (
    "You do not have permission to access this resource. "
    "Please contact your administrator for assistance."
)
