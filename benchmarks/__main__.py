"""All benchmarks, one after the other."""

from benchmarks import chain, classifiers, detection, device, features, feed

for benchmark in (detection, chain, classifiers, device, feed, features):
    benchmark.main(standalone_mode=False)
