"""An executor that is in this process, with all that is derived from its class before it is called.

It owns configuration, codec and the decoding of the message. It must never know whether this process is the engine's
or a host's: both make theirs here.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from elevon import errors
from elevon.idl.messages import Message, TaskTemplate
from elevon.plugin import declarations
from elevon.plugin.descriptions import Description
from elevon.plugin.executors import Executor
from elevon.plugin.states import STATE_LIMIT_BYTES, StateCodec
from elevon.primitives import misfits, suggestions


class Implementation(msgspec.Struct, frozen=True, kw_only=True):
    """One executor.

    Attributes:
        executor: The one instance.
        message_type: The protobuf class of `template.custom`; None for none.
        codec: Of its custom state.
        config: Its configuration, checked; None if it has none.
    """

    executor: Executor[Any, Any]
    message_type: type[Message] | None
    codec: StateCodec[Any]
    config: msgspec.Struct | None

    @classmethod
    def of(
        cls,
        executor: Executor[Any, Any],
        config: msgspec.Struct | None = None,
        state_limit_bytes: int = STATE_LIMIT_BYTES,
    ) -> "Implementation":
        """Check an executor, and derive what its calls need.

        Args:
            executor: The instance.
            config: What `configure` made.
            state_limit_bytes: Largest encoded custom state.

        Raises:
            UserError: It can't be served.
        """
        types = declarations.declared_types(declarations.check_class(type(executor)))
        return cls(
            executor=executor,
            message_type=types.message,
            codec=_codec_of(executor, types.state, state_limit_bytes),
            config=config,
        )

    def describe(self, package: str = "") -> Description:
        """What the engine must know of it.

        Args:
            package: Name and version of the installed package that offers it, if they are known.
        """
        executor = self.executor
        return Description(
            id=executor.id,
            path=declarations.path_of(type(executor)),
            package=package,
            task_types=executor.task_types,
            properties=executor.properties,
            has_finalizer=type(executor).finalize_task is not Executor[Any, Any].finalize_task,
            state_version=executor.state_version,
            contract_version=executor.contract_version,
            message="" if self.message_type is None else self.message_type.DESCRIPTOR.full_name,
            config=None if self.config is None else msgspec.to_builtins(self.config),
            defaults={} if executor.config_type is None else _defaults_of(executor.config_type),
            summary=(type(executor).__doc__ or "").strip().partition("\n")[0],
        )

    def decode_spec(self, template: TaskTemplate) -> Message | None:
        """`template.custom` as the declared message; None for a type without a message.

        Raises:
            UserError: It does not fit the message; names the field.
        """
        if self.message_type is None:
            return None
        from elevon.idl import customs  # protobuf's JSON takes long to import; few workflows need it

        return customs.unpack(template.custom, self.message_type)


def configure(executor: Executor[Any, Any], settings: Mapping[str, Any]) -> msgspec.Struct | None:
    """The configuration of an executor, from its settings.

    Raises:
        UserError: A setting is not there, or wrong.
    """
    if executor.config_type is None:
        if settings:
            raise errors.UserError(
                f"the executor {executor.id!r} takes no settings, and {', '.join(sorted(settings))} is configured"
            )
        return None
    for stray in misfits.strays(settings, executor.config_type):
        raise errors.UserError(
            f"the executor {executor.id!r} has no setting {stray.place!r}: {suggestions.hint(stray.name, stray.known)}"
        )
    try:
        return msgspec.convert(dict(settings), executor.config_type, strict=False)
    except msgspec.ValidationError as error:
        problem = misfits.misfit(error, executor.config_type).sentence()
        raise errors.UserError(f"a setting of the executor {executor.id!r} is wrong: {problem}") from error


def _defaults_of(config_type: type[msgspec.Struct]) -> dict[str, Any]:
    """The defaults of a configuration, as plain data; a field that must be configured has none."""
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(config_type):
        if field.default is not msgspec.NODEFAULT:
            found[field.encode_name] = msgspec.to_builtins(field.default)
        elif field.default_factory is not msgspec.NODEFAULT:
            found[field.encode_name] = msgspec.to_builtins(field.default_factory())
    return found


def _codec_of(executor: Executor[Any, Any], state_type: Any, limit_bytes: int) -> StateCodec[Any]:
    try:
        return StateCodec(
            state_type, version=executor.state_version, migrate=executor.migrate, limit_bytes=limit_bytes
        )
    except errors.UserError as error:
        raise errors.UserError(f"{declarations.path_of(type(executor))}: {error}") from error
