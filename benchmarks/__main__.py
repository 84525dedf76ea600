"""All benchmarks, one after the other."""

from benchmarks import chain, classifiers, detection, device

for benchmark in (detection, chain, classifiers, device):
    benchmark.main(standalone_mode=False)
