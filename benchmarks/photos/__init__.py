"""Pictures that are hard to read for another reason than their text: how they are turned, and how they were taken."""
