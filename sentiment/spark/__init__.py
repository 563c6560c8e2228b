"""Files of texts scored on Spark, on this machine or on a cluster.

This package is the only importer of Spark. It knows nothing of models beyond a function from texts
to probabilities. Executors need Python with NumPy, pandas, pyarrow and MLflow; the modules of
`sentiment` are sent to them.
"""
