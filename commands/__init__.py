"""The commands of run_monitor.py, one module a subject; each is one call into `pipelines` or `dashboard`."""
