"""Runs whose photos or results are in an object store.

A folder of this machine stands in for the output (``mirror``): workers read and write there as they
always do, and know nothing of stores. The parent fetches photos ahead (``fetching``), puts what
workers wrote and removes it here (``delivery``), and puts the manifest's new lines (``state``). So
the local disk holds what is in work, however much there is to do.
"""
