"""The text of `--bench-show-config`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmbench.spec.plan import Plan, Selection
from pytest_llmbench.spec.show import show

if TYPE_CHECKING:
    from tests.spec.conftest import MakePlan

CONFIG = """\
defaults:
  backends:
    vllm: {version: v0.12.0, args: {gpu-memory-utilization: 0.92}, env: {HF_TOKEN: "${HUB_TOKEN}", DEBUG: 1}}
models:
  - id: tiny-glm
    source: builtin:tiny-glm
  - id: glm
    source: QuantTrio/GLM-4.7-Flash-AWQ
    tp: [2]
    backends:
      vllm:
        args:
          enable-prefix-caching: false
          override-generation-config: '{"temperature": 0.6, "top_p": 0.95, "top_k": 20, "min_p": 0.0}'
          hub: "${HUB_TOKEN}"
"""

GOLDEN = """\
tiny-glm.llama.tp01.gpux00
  model                            tiny-glm                             a.yaml:5
  source                           builtin:tiny-glm                     a.yaml:6
  backend                          llama                                detected from the source
  runtime                          embedded                             built in
  tp                               1                                    built in
  gpus                             0                                    built in
  args.parallel                    4                                    built in

glm.vllm.tp02.gpux02
  model                            glm                                  a.yaml:7
  source                           QuantTrio/GLM-4.7-Flash-AWQ          a.yaml:8
  backend                          vllm                                 detected from the source
  runtime                          docker                               built in
  version                          v0.12.0                              a.yaml:3
  tp                               2                                    a.yaml:9
  gpus                             2                                    follows tp
  args.api-key                     ***                                  --bench-arg
  args.enable-prefix-caching       false                                a.yaml:13
  args.gpu-memory-utilization      0.92                                 a.yaml:3
  args.hub                         ***                                  a.yaml:15
  args.override-generation-config  {"temperature": 0.6, "top_p": 0.95,  a.yaml:14
                                   "top_k": 20, "min_p": 0.0}
  args.seed                        0                                    built in
  env.DEBUG                        1                                    a.yaml:3
  env.HF_TOKEN                     ***                                  a.yaml:3
"""


def test_golden(make_plan: MakePlan) -> None:
    """Columns line up over all deployments, long values wrap, secrets are not shown."""
    text = show(make_plan(CONFIG, Selection(args=("vllm.api-key=k",)), environ={"HUB_TOKEN": "hunter2"}))
    assert text + "\n" == GOLDEN
    assert max(map(len, text.splitlines())) <= 100
    assert "hunter2" not in text


def test_nothing() -> None:
    """An empty plan says so."""
    assert show(Plan()) == "no deployments"
