"""What the rules of `workflow/rules` ask of a batch: for each file of rules a module of its name.

Answers are plain text and paths, so that they can be tested without Snakemake. Nothing heavy is
imported: Snakemake parses the Snakefile at every start and again in every submitted job.
"""
