#ifndef BACKUPCTL_CLINUX_H
#define BACKUPCTL_CLINUX_H

// Linux calls that Swift's Glibc module does not show.

// Renames and fails with EEXIST where the new name is taken; 0, or -1 with errno.
int csystem_rename_new(int old_directory, const char *old_name, int new_directory, const char *new_name);

// Starts writing dirty pages of the range to the disk without waiting; 0, or -1 with errno. No promise of durability.
int csystem_start_writing(int descriptor, long long offset, long long length);

// Whether what is read of an open file comes from the disk, past the page cache (O_DIRECT); 0, or -1 with errno: not every
// file system can. Places, lengths and memory of reads must then be multiples of the disk's block.
int csystem_read_past_cache(int descriptor, int is_on);

// Locks of an open file (fcntl(2), F_OFD_SETLK), which the kernel takes back with its last descriptor: one that others may hold
// too, which waits for its turn, and one that nobody else may hold, which does not (EAGAIN). 0, or -1 with errno.
int csystem_lock_shared(int descriptor);
int csystem_lock_alone(int descriptor);

// Whether somebody else holds the shared lock: 1 or 0, or -1 with errno. Takes no lock itself, so those who ask at the same
// time do not see each other.
int csystem_is_locked_shared(int descriptor);

// Gives memory that is not used any more back to the system.
void clinux_trim_memory(void);

#endif
