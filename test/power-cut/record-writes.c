/*
 * Preloaded into a backend, it writes down everything that changes files under one folder, in the order in which it happens,
 * and which syncs began and ended when: durable-tree.ts works out from that what a loss of power would have left.
 *
 * RECORD_ROOT     the folder
 * RECORD_LOG      where to write; recording.ts reads it and says what lies where
 * RECORD_CONTROL  a file of two words: the first, when not 0, stops whoever is about to change something, and the second
 *                 says how many are at it
 * WITHOUT_SYNC=1  no sync is made, and no word of it written; for telling what they cost. Needs none of the others.
 *
 * One lock is held around each change and its entry, so that the order of entries is that of the changes. What is not seen
 * (a change by a way that is not wrapped here) shows when the recording is compared with the folder; a sync that is not
 * seen makes the recording promise less than it could, never more.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))
/* The C library's own, which is looked up once. */
#define NEXT(name)                                  \
  ({                                                \
    static typeof(&name) found;                     \
    if (found == NULL) found = next(#name);         \
    found;                                          \
  })

static void *next(const char *name) {
  void *found = dlsym(RTLD_NEXT, name);
  if (found == NULL) {
    dprintf(2, "record-writes: the C library has no %s\n", name);
    abort();
  }
  return found;
}

enum operation {
  MADE_FILE = 1,
  MADE_FOLDER,
  MADE_SYMLINK,
  WROTE,
  CUT,
  LINKED,
  RENAMED,
  EXCHANGED,
  REMOVED,
  SYNC_BEGAN,
  SYNC_ENDED,
  SYNC_OF_ALL_BEGAN,
};

/* An entry is this, then its path or paths (each with its final zero), then its bytes. */
struct entry {
  uint32_t operation;
  uint32_t path_bytes;
  uint64_t data_bytes;
  uint64_t clock_nanos;
  uint64_t inode;
  /* Of a write and a cut; of a sync, the clock of its beginning names it. */
  uint64_t offset;
};

static char root[PATH_MAX];
static size_t root_length;
static dev_t root_device;
static int log_file = -1;
static int is_without_sync;
static _Atomic uint32_t *control;
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

/* Numbers that no program hands out by itself while it has few files open. */
#define LOG_FILE_MIN 900

static int opened_high(const char *path, int flags) {
  int file = NEXT(open)(path, flags | O_CLOEXEC, 0600);
  if (file == -1) {
    dprintf(2, "record-writes: cannot open %s: %s\n", path, strerror(errno));
    abort();
  }
  int high = NEXT(fcntl)(file, F_DUPFD_CLOEXEC, LOG_FILE_MIN);
  NEXT(close)(file);
  return high;
}

__attribute__((constructor)) static void begin(void) {
  const char *without_sync = getenv("WITHOUT_SYNC");
  is_without_sync = without_sync != NULL && strcmp(without_sync, "1") == 0;
  const char *folder = getenv("RECORD_ROOT");
  const char *log_path = getenv("RECORD_LOG");
  const char *control_path = getenv("RECORD_CONTROL");
  if (folder == NULL || log_path == NULL || control_path == NULL) return;
  struct stat found;
  if (realpath(folder, root) == NULL || stat(root, &found) != 0) {
    dprintf(2, "record-writes: cannot find %s: %s\n", folder, strerror(errno));
    abort();
  }
  root_device = found.st_dev;
  int control_file = opened_high(control_path, O_RDWR);
  control = mmap(NULL, 2 * sizeof(uint32_t), PROT_READ | PROT_WRITE, MAP_SHARED, control_file, 0);
  if (control == MAP_FAILED) abort();
  log_file = opened_high(log_path, O_WRONLY | O_APPEND);
  root_length = strlen(root);
}

static void lock(void) {
  pthread_mutex_lock(&one_at_a_time);
  atomic_fetch_add(&control[1], 1);
  if (atomic_load(&control[0]) == 0) return;
  atomic_fetch_sub(&control[1], 1);
  for (;;) pause();
}

static void unlock(void) {
  atomic_fetch_sub(&control[1], 1);
  pthread_mutex_unlock(&one_at_a_time);
}

static uint64_t clock_nanos(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void append(const void *bytes, size_t count) {
  const char *left = bytes;
  while (count > 0) {
    ssize_t written = NEXT(write)(log_file, left, count);
    if (written <= 0) {
      dprintf(2, "record-writes: cannot write the log: %s\n", strerror(errno));
      abort();
    }
    left += written;
    count -= (size_t)written;
  }
}

struct note {
  enum operation operation;
  uint64_t inode;
  uint64_t offset;
  const char *path;
  const char *second_path;
  const void *data;
  uint64_t data_bytes;
};

/* While the lock is held. The caller's errno stays. */
static uint64_t note(struct note said) {
  int error = errno;
  size_t first = said.path == NULL ? 0 : strlen(said.path) + 1;
  size_t second = said.second_path == NULL ? 0 : strlen(said.second_path) + 1;
  struct entry entry = {
    .operation = said.operation,
    .path_bytes = (uint32_t)(first + second),
    .data_bytes = said.data_bytes,
    .clock_nanos = clock_nanos(),
    .inode = said.inode,
    .offset = said.offset,
  };
  if (said.operation == SYNC_BEGAN || said.operation == SYNC_OF_ALL_BEGAN) entry.offset = entry.clock_nanos;
  append(&entry, sizeof entry);
  append(said.path, first);
  append(said.second_path, second);
  append(said.data, said.data_bytes);
  errno = error;
  return entry.clock_nanos;
}

/* Whether the path lies under the root; then `inside` is what follows the root, without links to folders. */
static int is_recorded(int folder, const char *path, char inside[PATH_MAX]) {
  if (root_length == 0 || path == NULL) return 0;
  int error = errno;
  char whole[2 * PATH_MAX], parent[PATH_MAX];
  if (path[0] == '/') {
    snprintf(whole, sizeof whole, "%s", path);
  } else {
    char base[PATH_MAX];
    if (folder == AT_FDCWD) {
      if (getcwd(base, sizeof base) == NULL) base[0] = 0;
    } else {
      char link[64];
      snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
      ssize_t length = readlink(link, base, sizeof base - 1);
      base[length < 0 ? 0 : length] = 0;
    }
    snprintf(whole, sizeof whole, "%s/%s", base, path);
  }
  size_t length = strlen(whole);
  while (length > 1 && whole[length - 1] == '/') whole[--length] = 0;
  int is_inside = 0;
  char *name = strrchr(whole, '/');
  if (strncmp(whole, root, root_length) == 0 && name != NULL && length > root_length) {
    *name++ = 0;
    if (realpath(whole, parent) != NULL && strncmp(parent, root, root_length) == 0 &&
        (parent[root_length] == '/' || parent[root_length] == 0)) {
      const char *below = parent + root_length;
      if (*below == '/') below++;
      is_inside = snprintf(inside, PATH_MAX, "%s%s%s", below, *below == 0 ? "" : "/", name) < PATH_MAX;
    }
  }
  errno = error;
  return is_inside;
}

/* The inode of a file or folder that may be under the root, else 0. */
static uint64_t inode_of(int file, off_t *size) {
  if (root_length == 0) return 0;
  int error = errno;
  struct stat found;
  int is_found = fstat(file, &found) == 0 && found.st_dev == root_device &&
                 (S_ISREG(found.st_mode) || S_ISDIR(found.st_mode)) && file < LOG_FILE_MIN;
  errno = error;
  if (!is_found) return 0;
  if (size != NULL) *size = found.st_size;
  return found.st_ino;
}

static uint64_t inode_at(int folder, const char *path) {
  struct stat found;
  return fstatat(folder, path, &found, AT_SYMLINK_NOFOLLOW) == 0 ? found.st_ino : 0;
}

/* ---- files come into being, and lose what they held ---- */

static int open_recorded(int folder, const char *path, int flags, mode_t mode) {
  char inside[PATH_MAX];
  int changes = (flags & (O_CREAT | O_TRUNC)) != 0 && (flags & O_TMPFILE) != O_TMPFILE;
  if (!changes || !is_recorded(folder, path, inside)) return NEXT(openat)(folder, path, flags, mode);
  lock();
  struct stat before;
  int error = errno;
  int existed = fstatat(folder, path, &before, 0) == 0;
  errno = error;
  int file = NEXT(openat)(folder, path, flags, mode);
  if (file != -1) {
    uint64_t inode = inode_of(file, NULL);
    if (!existed) note((struct note){.operation = MADE_FILE, .inode = inode, .path = inside});
    else if ((flags & O_TRUNC) != 0 && before.st_size > 0) note((struct note){.operation = CUT, .inode = inode});
  }
  unlock();
  return file;
}

static mode_t mode_of(int flags, va_list rest) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
}

#define WITH_MODE(call)              \
  va_list rest;                      \
  va_start(rest, flags);             \
  mode_t mode = mode_of(flags, rest); \
  va_end(rest);                      \
  return call

EXPORTED int open(const char *path, int flags, ...) { WITH_MODE(open_recorded(AT_FDCWD, path, flags, mode)); }
EXPORTED int open64(const char *path, int flags, ...) { WITH_MODE(open_recorded(AT_FDCWD, path, flags, mode)); }
EXPORTED int openat(int folder, const char *path, int flags, ...) { WITH_MODE(open_recorded(folder, path, flags, mode)); }
EXPORTED int openat64(int folder, const char *path, int flags, ...) { WITH_MODE(open_recorded(folder, path, flags, mode)); }
EXPORTED int creat(const char *path, mode_t mode) {
  return open_recorded(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
EXPORTED int creat64(const char *path, mode_t mode) {
  return open_recorded(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

/* Where size changed without a write: cut, or lengthened by zeroes. */
#define RESIZING(file, call)                                                                              \
  off_t before = 0, after = 0;                                                                            \
  uint64_t inode = inode_of(file, NULL);                                                                  \
  if (inode == 0) return call;                                                                            \
  lock();                                                                                                 \
  inode_of(file, &before);                                                                                \
  int result = call;                                                                                      \
  inode_of(file, &after);                                                                                 \
  if (before != after) note((struct note){.operation = CUT, .inode = inode, .offset = (uint64_t)after}); \
  unlock();                                                                                               \
  return result

EXPORTED int ftruncate(int file, off_t size) { RESIZING(file, NEXT(ftruncate)(file, size)); }
EXPORTED int ftruncate64(int file, off64_t size) { RESIZING(file, NEXT(ftruncate)(file, size)); }
EXPORTED int fallocate(int file, int mode, off_t offset, off_t size) {
  RESIZING(file, NEXT(fallocate)(file, mode, offset, size));
}
EXPORTED int fallocate64(int file, int mode, off64_t offset, off64_t size) {
  RESIZING(file, NEXT(fallocate)(file, mode, offset, size));
}
EXPORTED int posix_fallocate(int file, off_t offset, off_t size) {
  RESIZING(file, NEXT(posix_fallocate)(file, offset, size));
}
EXPORTED int posix_fallocate64(int file, off64_t offset, off64_t size) {
  RESIZING(file, NEXT(posix_fallocate)(file, offset, size));
}

EXPORTED int truncate(const char *path, off_t size) {
  int file = NEXT(open)(path, O_WRONLY | O_CLOEXEC);
  if (file == -1) return -1;
  int result = ftruncate(file, size);
  int error = errno;
  NEXT(close)(file);
  errno = error;
  return result;
}
EXPORTED int truncate64(const char *path, off64_t size) { return truncate(path, size); }

/* ---- bytes ---- */

static off_t place_of_next_write(int file) {
  if ((NEXT(fcntl)(file, F_GETFL) & O_APPEND) != 0) {
    off_t size = 0;
    inode_of(file, &size);
    return size;
  }
  return NEXT(lseek)(file, 0, SEEK_CUR);
}

static void note_write(uint64_t inode, off_t offset, const struct iovec *pieces, int count, ssize_t written) {
  if (written <= 0) return;
  if (count == 1) {
    note((struct note){.operation = WROTE, .inode = inode, .offset = (uint64_t)offset, .data = pieces[0].iov_base, .data_bytes = (uint64_t)written});
    return;
  }
  char *all = malloc((size_t)written);
  size_t filled = 0;
  for (int index = 0; index < count && filled < (size_t)written; index++) {
    size_t left = (size_t)written - filled;
    size_t bytes = pieces[index].iov_len < left ? pieces[index].iov_len : left;
    memcpy(all + filled, pieces[index].iov_base, bytes);
    filled += bytes;
  }
  note((struct note){.operation = WROTE, .inode = inode, .offset = (uint64_t)offset, .data = all, .data_bytes = filled});
  free(all);
}

#define WRITING(file, place, pieces, count, call)            \
  uint64_t inode = inode_of(file, NULL);                     \
  if (inode == 0) return call;                               \
  lock();                                                    \
  int error = errno;                                         \
  off_t offset = place;                                      \
  errno = error;                                             \
  ssize_t written = call;                                    \
  note_write(inode, offset, pieces, count, written);         \
  unlock();                                                  \
  return written

EXPORTED ssize_t write(int file, const void *bytes, size_t count) {
  struct iovec piece = {.iov_base = (void *)bytes, .iov_len = count};
  WRITING(file, place_of_next_write(file), &piece, 1, NEXT(write)(file, bytes, count));
}
EXPORTED ssize_t pwrite(int file, const void *bytes, size_t count, off_t at) {
  struct iovec piece = {.iov_base = (void *)bytes, .iov_len = count};
  WRITING(file, at, &piece, 1, NEXT(pwrite)(file, bytes, count, at));
}
EXPORTED ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at) { return pwrite(file, bytes, count, at); }
EXPORTED ssize_t writev(int file, const struct iovec *pieces, int count) {
  WRITING(file, place_of_next_write(file), pieces, count, NEXT(writev)(file, pieces, count));
}
EXPORTED ssize_t pwritev(int file, const struct iovec *pieces, int count, off_t at) {
  WRITING(file, at, pieces, count, NEXT(pwritev)(file, pieces, count, at));
}
EXPORTED ssize_t pwritev64(int file, const struct iovec *pieces, int count, off64_t at) {
  return pwritev(file, pieces, count, at);
}

/* What the system itself put into a file, read back. */
static void note_copied(int file, uint64_t inode, off_t offset, ssize_t written) {
  if (written <= 0) return;
  char own_path[64];
  snprintf(own_path, sizeof own_path, "/proc/self/fd/%d", file);
  int reading = NEXT(open)(own_path, O_RDONLY | O_CLOEXEC);
  char *bytes = malloc((size_t)written);
  ssize_t read = reading == -1 ? -1 : pread(reading, bytes, (size_t)written, offset);
  struct iovec piece = {.iov_base = bytes, .iov_len = (size_t)written};
  if (read == written) note_write(inode, offset, &piece, 1, written);
  if (reading != -1) NEXT(close)(reading);
  free(bytes);
}

#define COPYING(file, place, call)                \
  uint64_t inode = inode_of(file, NULL);          \
  if (inode == 0) return call;                    \
  lock();                                         \
  off_t offset = place;                           \
  ssize_t written = call;                         \
  int error = errno;                              \
  note_copied(file, inode, offset, written);      \
  errno = error;                                  \
  unlock();                                       \
  return written

EXPORTED ssize_t sendfile(int out, int in, off_t *from, size_t count) {
  COPYING(out, place_of_next_write(out), NEXT(sendfile)(out, in, from, count));
}
EXPORTED ssize_t sendfile64(int out, int in, off64_t *from, size_t count) { return sendfile(out, in, from, count); }
EXPORTED ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t count, unsigned flags) {
  COPYING(out, to == NULL ? place_of_next_write(out) : *to, NEXT(copy_file_range)(in, from, out, to, count, flags));
}

/* ---- names ---- */

#define NAMING(folder, path, call, said)                      \
  char inside[PATH_MAX];                                      \
  if (!is_recorded(folder, path, inside)) return call;        \
  lock();                                                     \
  int result = call;                                          \
  if (result == 0) {                                          \
    int error = errno;                                        \
    note((struct note)said);                                  \
    errno = error;                                            \
  }                                                           \
  unlock();                                                   \
  return result
#define SAID(...) {__VA_ARGS__}

EXPORTED int mkdirat(int folder, const char *path, mode_t mode) {
  NAMING(folder, path, NEXT(mkdirat)(folder, path, mode),
         SAID(.operation = MADE_FOLDER, .inode = inode_at(folder, path), .path = inside));
}
EXPORTED int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

EXPORTED int symlinkat(const char *target, int folder, const char *path) {
  NAMING(folder, path, NEXT(symlinkat)(target, folder, path),
         SAID(.operation = MADE_SYMLINK, .inode = inode_at(folder, path), .path = inside, .data = target, .data_bytes = strlen(target)));
}
EXPORTED int symlink(const char *target, const char *path) { return symlinkat(target, AT_FDCWD, path); }

EXPORTED int unlinkat(int folder, const char *path, int flags) {
  NAMING(folder, path, NEXT(unlinkat)(folder, path, flags), SAID(.operation = REMOVED, .path = inside));
}
EXPORTED int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
EXPORTED int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
EXPORTED int remove(const char *path) {
  if (unlinkat(AT_FDCWD, path, 0) == 0) return 0;
  return errno == EISDIR ? unlinkat(AT_FDCWD, path, AT_REMOVEDIR) : -1;
}

#define NAMING_TWO(old_folder, old_path, new_folder, new_path, call, what)                                 \
  char from[PATH_MAX], to[PATH_MAX];                                                                       \
  int is_from = is_recorded(old_folder, old_path, from), is_to = is_recorded(new_folder, new_path, to);    \
  if (!is_from && !is_to) return call;                                                                     \
  if (is_from != is_to) {                                                                                  \
    dprintf(2, "record-writes: %s to %s crosses the border of %s\n", old_path, new_path, root);            \
    abort();                                                                                               \
  }                                                                                                        \
  lock();                                                                                                  \
  int result = call;                                                                                       \
  if (result == 0) note((struct note){.operation = what, .path = from, .second_path = to});                \
  unlock();                                                                                                \
  return result

EXPORTED int linkat(int old_folder, const char *old_path, int new_folder, const char *new_path, int flags) {
  NAMING_TWO(old_folder, old_path, new_folder, new_path,
             NEXT(linkat)(old_folder, old_path, new_folder, new_path, flags), LINKED);
}
EXPORTED int link(const char *old_path, const char *new_path) {
  return linkat(AT_FDCWD, old_path, AT_FDCWD, new_path, 0);
}
EXPORTED int renameat2(int old_folder, const char *old_path, int new_folder, const char *new_path, unsigned flags) {
  NAMING_TWO(old_folder, old_path, new_folder, new_path,
             NEXT(renameat2)(old_folder, old_path, new_folder, new_path, flags),
             (flags & RENAME_EXCHANGE) != 0 ? EXCHANGED : RENAMED);
}
EXPORTED int renameat(int old_folder, const char *old_path, int new_folder, const char *new_path) {
  return renameat2(old_folder, old_path, new_folder, new_path, 0);
}
EXPORTED int rename(const char *old_path, const char *new_path) {
  return renameat2(AT_FDCWD, old_path, AT_FDCWD, new_path, 0);
}

/* ---- syncs ---- */

/* Covers what was noted before it began, and counts once its end is noted. */
#define SYNCING(what, about, call)                                                                  \
  if (is_without_sync) return 0;                                                                    \
  uint64_t inode = about;                                                                           \
  if (inode == 0) return call;                                                                      \
  lock();                                                                                           \
  uint64_t began = note((struct note){.operation = what, .inode = inode});                          \
  unlock();                                                                                         \
  int result = call;                                                                                \
  if (result != 0) return result;                                                                   \
  lock();                                                                                           \
  note((struct note){.operation = SYNC_ENDED, .inode = inode, .offset = began});                    \
  unlock();                                                                                         \
  return result

EXPORTED int fsync(int file) { SYNCING(SYNC_BEGAN, inode_of(file, NULL), NEXT(fsync)(file)); }
EXPORTED int fdatasync(int file) { SYNCING(SYNC_BEGAN, inode_of(file, NULL), NEXT(fdatasync)(file)); }
EXPORTED int syncfs(int file) { SYNCING(SYNC_OF_ALL_BEGAN, inode_of(file, NULL), NEXT(syncfs)(file)); }
static int sync_all(void) {
  NEXT(sync)();
  return 0;
}
static int sync_recorded(void) { SYNCING(SYNC_OF_ALL_BEGAN, root_length == 0 ? 0 : 1, sync_all()); }
EXPORTED void sync(void) { sync_recorded(); }

/* ---- calls by number: those that change files go the way of their names ---- */

EXPORTED long syscall(long number, ...) {
  va_list rest;
  va_start(rest, number);
  long a = va_arg(rest, long), b = va_arg(rest, long), c = va_arg(rest, long);
  long d = va_arg(rest, long), e = va_arg(rest, long), f = va_arg(rest, long);
  va_end(rest);
  switch (number) {
    case SYS_renameat2: return renameat2((int)a, (const char *)b, (int)c, (const char *)d, (unsigned)e);
    case SYS_copy_file_range: return copy_file_range((int)a, (off64_t *)b, (int)c, (off64_t *)d, (size_t)e, (unsigned)f);
    case SYS_openat: return openat((int)a, (const char *)b, (int)c, (mode_t)d);
    case SYS_fsync: return fsync((int)a);
    case SYS_fdatasync: return fdatasync((int)a);
    case SYS_syncfs: return syncfs((int)a);
    default: return NEXT(syscall)(number, a, b, c, d, e, f);
  }
}
