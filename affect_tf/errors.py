"""The one exception that a person sees without a traceback."""


class UserError(Exception):
    """Bad input or a bad command: the message says what is wrong and what to do.

    Attributes:
      exit_code: 2 where the command line is wrong, 1 where the data is.
    """

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code
