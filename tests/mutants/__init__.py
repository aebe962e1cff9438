"""Small mistakes made on purpose, to see whether the tests notice them.

    python -m tests.mutants                                  a sample over the modules that matter most
    python -m tests.mutants core/portico/rate_limits --count 40   another sample, over modules of your choice
    python -m tests.mutants --list core/portico/db/sqlite/writer.py what could be changed there, without running anything

Each mistake is made in a copy of the repository, and the tests of its module run there until one fails. A mistake
that no test fails for is printed: it wants a test, or the code that it changes is not needed. Needs the environment
of the tests, and about as many half minutes as mistakes.
"""
