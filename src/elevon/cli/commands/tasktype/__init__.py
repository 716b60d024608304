"""The commands of the group `tasktype`, for whoever writes one."""
