"""
Suites of trainings, their results, tables and figures. Commands import these modules when they run.
"""
