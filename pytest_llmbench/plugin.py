"""The pytest hooks; each calls one object.

Until benchmarks are asked for, this module and `settings` are all there is: nothing heavy is imported, no
file or device touched. `pytest_configure` then registers `Active`, which has the hooks that do the work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_llmbench import collection, hookspecs, markers
from pytest_llmbench.fixtures import SESSION, bench, evaluate, llm_server
from pytest_llmbench.outcomes import demanded, plainly, usage_errors
from pytest_llmbench.settings import Settings, add_options, refuse_unknown

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytest_llmbench.reporting import Reporting
    from pytest_llmbench.session import Session

__all__ = ["bench", "evaluate", "llm_server"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    add_options(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare the hooks."""
    pluginmanager.add_hookspecs(hookspecs)


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(parser: pytest.Parser, args: list[str]) -> Generator[None, None, None]:
    """Tell a misspelt option of ours, now that every conftest has declared its own."""
    yield
    with usage_errors():
        refuse_unknown(parser, args)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers, and wake up if benchmarks were asked for."""
    for line in markers.MARKERS:
        config.addinivalue_line("markers", line)
    settings = Settings(config)
    if settings.asked:
        from pytest_llmbench.activation import activate  # noqa: PLC0415 - heavy

        session, reporting = activate(config, settings)
        config.pluginmanager.register(Active(session, reporting), "llmbench-active")
        if reporting is not None and config.pluginmanager.has_plugin("xdist"):
            config.pluginmanager.register(ActiveUnderXdist(session, reporting), "llmbench-xdist")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Answer `--bench-show-config` instead of running tests."""
    settings = Settings(config)
    with usage_errors(settings):
        if not settings.get("show-config"):
            return None
    from pytest_llmbench.activation import show_configuration  # noqa: PLC0415 - heavy

    return show_configuration(config, settings)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what needs a server when nobody asked for it."""
    if SESSION not in config.stash:
        collection.not_asked(items)


class Active:
    """The hooks of a run in which benchmarks were asked for; `reporting` is None on xdist's workers."""

    def __init__(self, session: Session, reporting: Reporting | None) -> None:
        self.session, self.reporting = session, reporting

    def pytest_report_header(self) -> str | None:
        """Say that combinations were dropped, and who tells why."""
        dropped = len(self.session.plan.dropped)
        return f"llmbench: {dropped} impossible combinations dropped (llmbench matrix)" if dropped else None

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Spread tests over deployments."""
        with plainly():
            self.session.axis.generate(metafunc)

    @pytest.hookimpl(wrapper=True, tryfirst=True)  # the last to order: others may shuffle
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> Generator[None, None, None]:
        """Start each server once; `--collect-only` does not even look at the machine."""
        yield
        if config.option.collectonly:
            self.session.axis.sort(items, lambda _place: None)
            return
        with usage_errors(self.session.settings):
            self.session.prepare(items)

    @pytest.hookimpl(wrapper=True, trylast=True)  # the innermost: others prepare what their teardown needs
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, None, None]:
        """Skip what this machine cannot run; a baseline that has it lets nobody skip it."""
        with demanded(self.session.demand(item)):
            with plainly():
                self.session.check(item)
            yield

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        """Judge what the test measured; its own failure comes first."""
        with demanded(self.session.demand(item)), self.session.settling(item) as failures:
            yield
        if failures:
            pytest.fail("\n\n".join(map(str, failures)), pytrace=False)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Send results along with the report."""
        report = yield
        self.session.attach(item, call, report)
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write results down as they come."""
        if self.reporting is not None:
            self.reporting.take(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the reports; not being able to is a failure."""
        complete = exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}
        if self.reporting is not None and not self.reporting.finish(complete=complete):
            session.exitstatus = max(exitstatus, pytest.ExitCode.TESTS_FAILED)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show what was measured."""
        if self.reporting is not None:
            self.reporting.summarize(terminalreporter)

    def pytest_unconfigure(self) -> None:
        """Leave nothing running."""
        self.session.close()


class ActiveUnderXdist:
    """Hooks that only xdist's controller calls; registered where xdist is installed."""

    def __init__(self, session: Session, reporting: Reporting) -> None:
        self.session, self.reporting = session, reporting

    def pytest_configure_node(self, node: object) -> None:
        """Tell a worker where server logs go."""
        node.workerinput["llmbench_servers"] = str(self.reporting.servers)  # type: ignore[attr-defined]

    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Make the session's folder, now that there is something to run."""
        if ids:
            self.reporting.open()

    def pytest_unconfigure(self) -> None:
        """Leave nothing of a worker's running either."""
        if self.reporting.used:
            self.session.sweep()

    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: object) -> object:
        """Keep the tests of a deployment on one worker."""
        from pytest_llmbench.distribution import DeploymentScheduling  # noqa: PLC0415 - needs xdist

        return DeploymentScheduling(config, log, self.session.axis.scope)
