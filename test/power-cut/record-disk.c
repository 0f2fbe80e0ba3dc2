/*
 * A disk that writes down what was written to it, and when it was told to flush: the one file, `disk`, of a file system of
 * its own (FUSE), from which a block device is made. recorded-disk.ts starts it, and makes of the recording what a loss of
 * power would have left on a disk whose cache is lost.
 *
 *     record-disk FILE LOG FOLDER
 *
 * FILE is what the disk holds, LOG is appended to as struct entry says, FOLDER is where the file system is mounted. It ends when
 * that is unmounted.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { WROTE = 1, FLUSHED = 2 };

/* Followed by the bytes that were written. */
struct entry {
  uint64_t kind;
  uint64_t clock_nanos;
  uint64_t offset;
  uint64_t byte_count;
};

#define WRITE_BYTES_MAX (1 << 20)
#define REQUEST_BYTES_MAX (WRITE_BYTES_MAX + 4096 + sizeof(struct fuse_in_header) + sizeof(struct fuse_write_in))
#define DISK_NODE 2

static int connection, disk, log_file;

static void fail(const char *act) {
  fprintf(stderr, "record-disk: cannot %s: %s\n", act, strerror(errno));
  exit(1);
}

static void write_down(uint64_t kind, uint64_t offset, const void *bytes, size_t count) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  struct entry entry = {kind, (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec, offset, count};
  struct iovec pieces[] = {{&entry, sizeof entry}, {(void *)bytes, count}};
  if (writev(log_file, pieces, 2) != (ssize_t)(sizeof entry + count)) fail("write the log");
}

static void answer(uint64_t request, int error, const void *bytes, size_t count) {
  struct fuse_out_header head = {.len = (uint32_t)(sizeof head + count), .error = error, .unique = request};
  struct iovec pieces[] = {{&head, sizeof head}, {(void *)bytes, count}};
  /* ENOENT: who asked has given up. */
  if (writev(connection, pieces, 2) < 0 && errno != ENOENT) fail("answer");
}

static struct fuse_attr attributes_of(uint64_t node) {
  struct stat found;
  if (fstat(disk, &found) != 0) fail("look at the disk");
  struct fuse_attr attributes = {.ino = node, .nlink = 1, .blksize = 4096};
  attributes.mode = node == DISK_NODE ? S_IFREG | 0600 : S_IFDIR | 0700;
  attributes.size = node == DISK_NODE ? (uint64_t)found.st_size : 0;
  attributes.blocks = attributes.size / 512;
  return attributes;
}

static void answer_attributes(const struct fuse_in_header *request) {
  struct fuse_attr_out out = {.attr_valid = 3600, .attr = attributes_of(request->nodeid)};
  answer(request->unique, 0, &out, sizeof out);
}

static void handle(const struct fuse_in_header *request, const void *body) {
  static char bytes[WRITE_BYTES_MAX];
  switch (request->opcode) {
    case FUSE_INIT: {
      const struct fuse_init_in *in = body;
      struct fuse_init_out out = {.major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION};
      out.max_readahead = in->max_readahead;
      out.flags = in->flags & (FUSE_BIG_WRITES | FUSE_MAX_PAGES);
      out.max_write = WRITE_BYTES_MAX;
      out.max_pages = WRITE_BYTES_MAX / 4096;
      answer(request->unique, 0, &out, sizeof out);
      return;
    }
    case FUSE_LOOKUP: {
      if (strcmp(body, "disk") != 0) break;
      struct fuse_entry_out out = {.nodeid = DISK_NODE, .entry_valid = 3600, .attr_valid = 3600};
      out.attr = attributes_of(DISK_NODE);
      answer(request->unique, 0, &out, sizeof out);
      return;
    }
    case FUSE_GETATTR:
    case FUSE_SETATTR:
      answer_attributes(request);
      return;
    case FUSE_OPEN: {
      struct fuse_open_out out = {.open_flags = FOPEN_KEEP_CACHE};
      answer(request->unique, 0, &out, sizeof out);
      return;
    }
    case FUSE_READ: {
      const struct fuse_read_in *in = body;
      size_t count = in->size < sizeof bytes ? in->size : sizeof bytes;
      ssize_t read = pread(disk, bytes, count, (off_t)in->offset);
      answer(request->unique, read < 0 ? -errno : 0, bytes, read < 0 ? 0 : (size_t)read);
      return;
    }
    case FUSE_WRITE: {
      const struct fuse_write_in *in = body;
      const void *written = in + 1;
      if (pwrite(disk, written, in->size, (off_t)in->offset) != (ssize_t)in->size) fail("write the disk");
      write_down(WROTE, in->offset, written, in->size);
      struct fuse_write_out out = {.size = in->size};
      answer(request->unique, 0, &out, sizeof out);
      return;
    }
    case FUSE_FSYNC:
      write_down(FLUSHED, 0, NULL, 0);
      answer(request->unique, 0, NULL, 0);
      return;
    case FUSE_STATFS: {
      struct fuse_statfs_out out = {.st = {.bsize = 4096, .frsize = 4096, .namelen = 255}};
      answer(request->unique, 0, &out, sizeof out);
      return;
    }
    case FUSE_FLUSH:
    case FUSE_RELEASE:
    case FUSE_ACCESS:
      answer(request->unique, 0, NULL, 0);
      return;
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT:
      return;
    default:
      answer(request->unique, -ENOSYS, NULL, 0);
      return;
  }
  answer(request->unique, -ENOENT, NULL, 0);
}

int main(int count, char **arguments) {
  if (count != 4) return 2;
  disk = open(arguments[1], O_RDWR);
  log_file = open(arguments[2], O_WRONLY | O_APPEND | O_CREAT, 0600);
  connection = open("/dev/fuse", O_RDWR);
  if (disk < 0 || log_file < 0 || connection < 0) fail("open the files");
  char options[100];
  snprintf(options, sizeof options, "fd=%d,rootmode=40700,user_id=0,group_id=0", connection);
  if (mount("record-disk", arguments[3], "fuse", MS_NOSUID | MS_NODEV, options) != 0) fail("mount");
  printf("mounted\n");
  fflush(stdout);
  char *request = malloc(REQUEST_BYTES_MAX);
  for (;;) {
    ssize_t read_count = read(connection, request, REQUEST_BYTES_MAX);
    if (read_count < 0 && errno == ENODEV) return 0;
    if (read_count < 0 && (errno == EINTR || errno == ENOENT || errno == EAGAIN)) continue;
    if (read_count < 0) fail("read a request");
    handle((const struct fuse_in_header *)request, request + sizeof(struct fuse_in_header));
  }
}
