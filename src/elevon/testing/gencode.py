"""The Python of a small message, as protoc would generate it.

A new package works at once, on a machine without protoc; whoever changes the message installs the real generator.
It owns no more of protobuf than that: one message of scalar fields.
"""

from collections.abc import Mapping
from typing import Final

from google.protobuf import descriptor_pb2

_TYPES: Final = {
    "uint32": (descriptor_pb2.FieldDescriptorProto.TYPE_UINT32, "int"),
    "string": (descriptor_pb2.FieldDescriptorProto.TYPE_STRING, "str"),
}
_MODULE: Final = '''# Generated from {proto}; DO NOT EDIT. The README says how to generate it anew.
"""Generated protocol buffer code."""
from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder

DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile({serialized!r})

_globals = globals()
_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, _globals)
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, {module!r}, _globals)
'''
_STUB: Final = '''"""Generated from {proto}; DO NOT EDIT."""

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.message import Message

DESCRIPTOR: FileDescriptor

class {message}(Message):
{fields}

    def __init__(self, *, {arguments}) -> None: ...
'''


def of(package: str, message: str, fields: Mapping[str, str]) -> dict[str, str]:
    """The generated files of `PACKAGE/PACKAGE.proto`, by their paths.

    Args:
        package: Of the message and of Python.
        message: Its name.
        fields: Type of each field by name, numbered in this order from 1.
    """
    proto = f"{package}/{package}.proto"
    names = {"proto": proto, "message": message, "module": f"{package}.{package}_pb2"}
    stub = _STUB.format(
        **names,
        fields="\n".join(f"    {name}: {_TYPES[kind][1]}" for name, kind in fields.items()),
        arguments=", ".join(f"{name}: {_TYPES[kind][1]} = ..." for name, kind in fields.items()),
    )
    module = _MODULE.format(**names, serialized=_descriptor(proto, package, message, fields))
    return {f"{package}/{package}_pb2.py": module, f"{package}/{package}_pb2.pyi": stub}


def _descriptor(proto: str, package: str, message: str, fields: Mapping[str, str]) -> bytes:
    file = descriptor_pb2.FileDescriptorProto(name=proto, package=package, syntax="proto3")
    made = file.message_type.add(name=message)
    for number, (name, kind) in enumerate(fields.items(), start=1):
        made.field.add(
            name=name,
            number=number,
            type=_TYPES[kind][0],
            label=descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL,
            json_name=name,
        )
    return file.SerializeToString(deterministic=True)
