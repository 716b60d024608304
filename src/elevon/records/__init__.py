"""The structs that are stored, and that the machine, the stores and the control plane share.

Each is a frozen value with a record version; a changed state is a new struct (`msgspec.structs.replace`).
Nothing here does I/O, reads a clock or knows a store. No record can be part of a cycle, so Python's collector is spared
them (`gc=False`): an execution has tens of thousands.
"""
