"""The one error that a user may see: what is wrong, what was expected, what to do."""


class MaskGateError(Exception):
    """Something a user or an operator can put right.

    Its text is a single line that names the thing, what was expected, what was found and the way
    out. The command line prints it without a traceback and exits with code 2.
    """
