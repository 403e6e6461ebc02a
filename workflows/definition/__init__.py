"""The stored document of a workflow: reading, checking and compiling it. Plain Python."""
