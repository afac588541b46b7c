"""One reader per trace format. A reader recognises its format by content and turns it into the same normalized rows."""

from halo_opt.store.readers.agentdojo import AgentDojoReader
from halo_opt.store.readers.atif import AtifReader
from halo_opt.store.readers.base import Reader
from halo_opt.store.readers.browsergym import BrowserGymReader
from halo_opt.store.readers.chat import ChatReader
from halo_opt.store.readers.claude_code import ClaudeCodeReader
from halo_opt.store.readers.codex import CodexReader
from halo_opt.store.readers.codex_exec import CodexExecReader
from halo_opt.store.readers.inspect_ai import InspectReader
from halo_opt.store.readers.intercode import InterCodeReader
from halo_opt.store.readers.labelled_failures import AgentRxReader, WhoAndWhenReader
from halo_opt.store.readers.langfuse import LangfuseReader
from halo_opt.store.readers.langsmith import LangSmithReader
from halo_opt.store.readers.mlflow import MlflowReader
from halo_opt.store.readers.openhands import OpenHandsReader
from halo_opt.store.readers.otlp import OtlpReader
from halo_opt.store.readers.phoenix import PhoenixReader
from halo_opt.store.readers.run_folder import RunFolderReader
from halo_opt.store.readers.spans import SpansReader
from halo_opt.store.readers.swe_agent import SweAgentReader
from halo_opt.store.readers.tau2 import Tau2Reader
from halo_opt.store.readers.tau_bench import TauBenchReader
from halo_opt.store.readers.terminal_bench import TerminalBenchReader

# Order matters only for cost: the cheap and specific ones first. No file is recognised by two of them.
READERS: tuple[Reader, ...] = (
    RunFolderReader(),
    AtifReader(),
    BrowserGymReader(),
    SpansReader(),
    OtlpReader(),
    TauBenchReader(),
    InterCodeReader(),
    Tau2Reader(),
    SweAgentReader(),
    TerminalBenchReader(),
    ClaudeCodeReader(),
    CodexReader(),
    CodexExecReader(),
    LangfuseReader(),
    LangSmithReader(),
    PhoenixReader(),
    MlflowReader(),
    InspectReader(),
    AgentDojoReader(),
    OpenHandsReader(),
    WhoAndWhenReader(),
    AgentRxReader(),
    ChatReader(),
)

__all__ = ["READERS", "Reader"]
