"""A run that several machines work on: they share nothing but storage.

Whoever does a stage of such a run fetches what the stage reads into a folder of its own, works there, and pushes what
the stage writes; the stages themselves know nothing of it. The machine that the run was started on, its coordinator,
pushes what it has before and fetches what was made after.

<outputs.root>/<job>/work/
├── coordinator.json                who the run's tasks work for; nobody: they stop
└── <run id>/                       what the machines share, in pieces
    ├── training/cat.1f3a....tar    files of the run's folder, named by the archive's checksum
    └── training/cat.json           says which archive it is, and whether the piece is whole: written last

Where `outputs.root` is a folder, it must be one that all machines share; nothing is copied then.
"""
