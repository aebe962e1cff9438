"""Tells clients which model an arena model has picked, as the first thing in its answer."""

from portico.api.models import GatewayResponse, ResolvedModel, with_keys


def with_choice(response: GatewayResponse, target: ResolvedModel) -> GatewayResponse:
    """Return the response with the id of the picked model; as it is if none was picked, or if it is an error."""
    if target.arena_id is None:
        return response
    return with_keys(response, {"selected_model_id": target.id})
