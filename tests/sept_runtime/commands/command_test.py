import argparse
from typing import Type

import pytest

from sept_runtime.commands import Command, main
from sept_runtime.documents import DocumentError
from sept_runtime.version import VERSION


class Fail(Command):
    """Raises what it is told to."""

    name = "fail"
    description = "Fail."

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--status", type=int)

    def run(self, args: argparse.Namespace) -> int:
        if args.status is None:
            raise self._error
        return args.status


def run(command: Command, *arguments: str) -> None:
    parser = argparse.ArgumentParser()
    command.add_to(parser.add_subparsers(), called="program fail")
    args = parser.parse_args(["fail", *arguments])
    args.func(args)


@pytest.mark.parametrize("error", [DocumentError, OSError, FileNotFoundError])
def test_errors_that_the_user_can_fix_are_one_line(error: Type[Exception]) -> None:
    with pytest.raises(SystemExit) as exit:
        run(Fail(error("x.jsonl: broken")))
    # Python prints it, and ends with status 1.
    assert exit.value.code == "program fail: x.jsonl: broken"


def test_errors_of_the_program_are_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        run(Fail(ZeroDivisionError()))


def test_a_command_says_which_errors_are_its_users() -> None:
    class FailInNumbers(Fail):
        errors = (ArithmeticError,)

    with pytest.raises(SystemExit, match="^program fail: zero$"):
        run(FailInNumbers(ZeroDivisionError("zero")))
    with pytest.raises(OSError):
        run(FailInNumbers(OSError()))


def test_exit_status() -> None:
    run(Fail(OSError()), "--status", "0")
    with pytest.raises(SystemExit) as exit:
        run(Fail(OSError()), "--status", "3")
    assert exit.value.code == 3
    with pytest.raises(SystemExit) as exit:
        run(Fail(KeyboardInterrupt()))
    assert exit.value.code == 130


def test_help_lists_the_commands(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as exit:
        main(["--help"])
    assert exit.value.code == 0
    words = capsys.readouterr().out.split()
    assert {"predict", "show", "html", "convert", "models", "package"} <= set(words)
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"sept {VERSION}\n"


def test_an_unknown_argument_is_answered_by_its_command(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as exit:
        main(["show", "x.jsonl", "--document=3", "--alll", "-x"])
    assert exit.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("usage: sept show ") and "--documents N" in error
    message = "sept show: error: unknown arguments: --alll -x (did you mean --all?)"
    assert error.splitlines()[-1] == message


def test_a_command_must_be_given(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as exit:
        main([])
    assert exit.value.code == 2
    assert "sept: error: " in capsys.readouterr().err
