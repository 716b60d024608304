"""The conformance kit: simulations that find out which promises of the contract an executor breaks.

It drives the real engine over a store in memory, on virtual time, while a plan of faults ends the engine, loses
answers and asks for aborts; it judges by what the executor and its service were seen to do. It must never judge by
reading the executor's code, and never know a particular executor.
"""
