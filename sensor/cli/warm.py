"""`shadowai warm`: compile the decode kernels now, so that the first scan does not have to."""

from __future__ import annotations

import typer

from sensor.cli.options import ConfigOption, LakeOption, StateOption, settings_from


def command(state: StateOption = None, lake: LakeOption = None, config: ConfigOption = None) -> None:
    """Compile the decode kernels once."""
    import time

    from sensor.settings import state_path

    settings = settings_from(config, lake=lake, state=state)
    folder = state_path(settings)
    from sensor.decode import warming
    from sensor.decode.kernels import jit

    began = time.perf_counter()
    kept = jit.use(folder / "kernels")
    missing = warming.missing(*warming.PARTS)
    warming.warm_apart(*missing)
    warming.warm(*warming.PARTS)  # raises if they cannot be used
    done = "compiled" if missing else "were compiled already"
    typer.echo(f"decode kernels {done}: {time.perf_counter() - began:.1f} s, kept in {kept}")
