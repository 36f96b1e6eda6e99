"""Why a provider cannot be as asked."""

from config import errors


class ProviderRefused(errors.DomainError):
    """`data`: field."""

    code = "provider_refused"
    status = 422


class KeyNeededAgain(errors.DomainError):
    """`data`: field."""

    code = "provider_key_needed"
    status = 422
    message = "The address changed: enter the key again. One that is kept goes to the address it was entered for only."

    def __init__(self) -> None:
        super().__init__(data={"field": "key"})


class TooManyProviders(errors.DomainError):
    code = "too_many_providers"
    status = 409


class ModelGone(errors.DomainError):
    code = "provider_models_gone"
    status = 409
    message = "The list was read anew meanwhile. Look at it again."


class ProviderChanged(errors.DomainError):
    code = "provider_changed"
    status = 409
    message = "The provider was changed while it was asked. Test it again."


class TooManyTests(errors.DomainError):
    code = "too_many_provider_tests"
    status = 429
    message = "Providers were asked often enough. Please try again in a minute."


def about(field: str, message: str) -> ProviderRefused:
    return ProviderRefused(message, data={"field": field})
