"""A run on several machines, which share nothing but storage.

A machine that performs a stage fetches what the stage reads into a folder of its own, works there, and pushes what the
stage writes. The stages themselves know nothing about this. The machine on which the run was started, its coordinator,
pushes what it has beforehand and fetches the results afterwards.

<outputs.root>/<job>/work/
├── coordinator.json                whom the run's tasks work for; if nobody, they stop
└── <run id>/                       what the machines share, in pieces
    ├── training/cat.1f3a....tar    files of the run's folder, named by the archive's checksum
    └── training/cat.json           names the archive, and says whether the piece is complete; written last

Where `outputs.root` is a folder, it must be one that all machines share; nothing is copied then.
"""
