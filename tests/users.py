"""Users of this host: the one the tests run as, and another."""

from __future__ import annotations

import os
import pwd

__all__ = ["BECOME_OTHER", "OTHER", "USER"]

USER = pwd.getpwuid(os.geteuid()).pw_name
OTHER = "nobody"
# In a process, once it has imported what it needs: the other user need not be able to read that. Root only.
BECOME_OTHER = f"""
import os, pwd
other = pwd.getpwnam({OTHER!r})
os.setgroups([]), os.setgid(other.pw_gid), os.setuid(other.pw_uid)
"""
