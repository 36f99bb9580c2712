"""Which floating-point type a machine should train in, and why."""

from __future__ import annotations

import dataclasses
import pathlib
import platform

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Precision:
    """A Keras policy name and the reason for it."""

    policy: str
    reason: str


def choose(wanted: str) -> Precision:
    """Returns the policy for one of `PRECISIONS`; "auto" looks at the hardware."""
    if wanted != "auto":
        return Precision(wanted, "asked for")
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        details = tf.config.experimental.get_device_details(gpus[0])
        return for_gpu(details.get("compute_capability"))
    return for_cpu(_cpu_flags())


def for_gpu(capability: tuple[int, int] | None) -> Precision:
    """Returns the policy for an NVIDIA GPU of this compute capability."""
    if capability is None:
        return Precision("float32", "a GPU of unknown generation")
    version = ".".join(map(str, capability))
    if capability >= (8, 0):
        return Precision("mixed_bfloat16", f"a GPU of generation {version} has bf16")
    if capability >= (7, 0):
        reason = f"a GPU of generation {version} has float16 tensor cores but no bf16"
        return Precision("mixed_float16", reason)
    return Precision("float32", f"a GPU of generation {version} has no tensor cores")


def for_cpu(flags: frozenset[str]) -> Precision:
    """Returns the policy for a CPU with these feature flags."""
    for flag in ("amx_bf16", "avx512_bf16"):
        if flag in flags:
            return Precision("mixed_bfloat16", f"this CPU has {flag}")
    return Precision("float32", "this CPU has neither amx_bf16 nor avx512_bf16")


def _cpu_flags() -> frozenset[str]:
    """Returns the CPU's feature flags; empty where the system does not tell."""
    if platform.system() != "Linux":
        return frozenset()
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return frozenset()
    lines = [line for line in text.splitlines() if line.startswith("flags")]
    return frozenset(lines[0].partition(":")[2].split()) if lines else frozenset()
