"""All benchmarks, one after the other."""

from benchmarks import alert, chain, classifiers, detection, device, features, feed, forms, gate

for benchmark in (detection, gate, chain, classifiers, forms, device, alert, feed, features):
    benchmark.main(standalone_mode=False)
