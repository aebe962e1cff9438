"""The statements that each landing sends, so that a later schema can be held to them.

To add those of a landing, run the suite with the path of its files, without an ending:

    RECORD_STATEMENTS=tests/upgrade/statements/0002_words .venv/bin/pytest

Only a landing after which the schema may change needs files. Statements of landings that no instance runs any more, by
the rule "expand, then contract one release later", are deleted in the commit that contracts.
"""
