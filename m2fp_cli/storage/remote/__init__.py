"""Object stores (S3, GCS, Azure): the only room that knows of them, and of the library ``obstore``.

``obstore`` hangs in a process that was forked from one that has used it, so only the parent of a
run comes here. Nothing in this room is imported in a worker or in the fork server but ``address``.
"""
