// Files, names and attributes; compared with a native run in another empty folder.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utime.h>

static void report(const char *what, long result) { printf("%s: %ld %s\n", what, result, result == -1 ? strerror(errno) : ""); }

static void show(const char *name) {
  struct stat s;
  if (lstat(name, &s) != 0) {
    report(name, -1);
    return;
  }
  printf("%s: mode %o links %d size %ld mtime %ld\n", name, s.st_mode, (int)s.st_nlink, (long)(S_ISDIR(s.st_mode) ? 0 : s.st_size),
         (long)(s.st_mtime < 1000000 ? s.st_mtime : 0));
}

int main(void) {
  // What a test runner leaves open would shift every descriptor number of the native run.
  for (int fd = 3; fd < 1024; ++fd) close(fd);
  umask(027);
  report("mkdir", mkdir("dir", 0777));
  report("mkdir again", mkdir("dir", 0777));
  int fd = open("dir/file", O_RDWR | O_CREAT | O_EXCL, 0666);
  report("open", fd);
  report("exclusive", open("dir/file", O_RDWR | O_CREAT | O_EXCL, 0666));
  report("write", write(fd, "hello, world\n", 13));
  struct iovec parts[3] = {{"one ", 4}, {"", 0}, {"two\n", 4}};
  report("writev", writev(fd, parts, 3));
  report("lseek", lseek(fd, 7, SEEK_SET));
  char buffer[100] = {0};
  report("read", read(fd, buffer, 5));
  printf("%s\n", buffer);
  report("pread", pread(fd, buffer, 3, 13));
  printf("%.3s\n", buffer);
  report("pwrite", pwrite(fd, "HELLO", 5, 0));
  report("position", lseek(fd, 0, SEEK_CUR));
  report("hole", lseek(fd, 5000, SEEK_SET));
  report("write", write(fd, "end", 3));
  report("ftruncate", ftruncate(fd, 4000));
  report("bad whence", lseek(fd, 0, 99));
  report("negative", lseek(fd, -5, SEEK_SET));
  show("dir/file");
  report("append", fcntl(fd, F_SETFL, O_APPEND));
  report("flags", fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK));
  report("write", write(fd, "tail", 4));
  show("dir/file");
  const int copy = dup(fd), high = fcntl(fd, F_DUPFD_CLOEXEC, 50);
  printf("%d %d %d\n", copy, high, fcntl(high, F_GETFD));
  report("dup2", dup2(fd, 20));
  report("dup3 same", dup3(fd, fd, 0));
  report("close", close(copy));
  report("close again", close(copy));
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  report("lock", fcntl(fd, F_SETLK, &lock));
  report("flock", flock(fd, LOCK_EX | LOCK_NB));
  report("link", link("dir/file", "hard"));
  report("symlink", symlink("dir/file", "soft"));
  report("loop", symlink("loop", "loop"));
  report("open loop", open("loop", O_RDONLY));
  report("nofollow", open("soft", O_RDONLY | O_NOFOLLOW));
  report("readlink", readlink("soft", buffer, sizeof buffer));
  report("readlink of a file", readlink("hard", buffer, sizeof buffer));
  show("hard");
  show("soft");
  report("rename", rename("hard", "moved"));
  show("hard");
  report("rename missing", rename("hard", "moved"));
  report("chmod", chmod("moved", 0640));
  report("access", access("moved", R_OK | W_OK));
  report("access missing", access("nothing", F_OK));
  struct utimbuf times = {1000, 2000};
  report("utime", utime("moved", &times));
  struct timespec nano[2] = {{0, UTIME_OMIT}, {3000, 5}};
  report("utimensat", utimensat(AT_FDCWD, "dir/file", nano, 0));
  show("moved");
  struct timeval micro[2] = {{1, 2}, {4000, 5}};
  report("lutimes", lutimes("soft", micro));
  show("soft");
  report("truncate", truncate("moved", 10));
  show("dir/file");
  const int dir = open("dir", O_RDONLY | O_DIRECTORY);
  report("openat", openat(dir, "file", O_RDONLY) >= 0);
  report("not a directory", open("moved/x", O_RDONLY));
  report("directory for writing", open("dir", O_RDWR));
  report("read a directory", read(dir, buffer, 10));
  for (const char *const *name = (const char *const[]){"zeta", "alpha", "mid", NULL}; *name; ++name)
    close(openat(dir, *name, O_CREAT | O_WRONLY, 0600));
  report("mkdirat", mkdirat(dir, "sub", 0700));
  struct dirent **list;
  const int count = scandir("dir", &list, NULL, alphasort);
  for (int i = 0; i < count; ++i) printf("%s %d\n", list[i]->d_name, list[i]->d_type);
  report("rmdir full", rmdir("dir"));
  report("unlink a directory", unlinkat(dir, "sub", 0));
  report("rmdir", unlinkat(dir, "sub", AT_REMOVEDIR));
  report("renameat", renameat(dir, "zeta", AT_FDCWD, "zeta2"));
  report("noreplace", syscall(SYS_renameat2, AT_FDCWD, "zeta2", AT_FDCWD, "moved", 1));
  char cwd[PATH_MAX];
  report("chdir", chdir("dir"));
  printf("%s\n", strrchr(getcwd(cwd, sizeof cwd), '/'));
  report("fchdir", fchdir(dir));
  report("chdir up", chdir(".."));
  report("chdir to a file", chdir("moved"));
  const int out = open("out", O_RDWR | O_CREAT | O_TRUNC, 0600), in = open("dir/file", O_RDONLY);
  off_t offset = 2;
  report("sendfile", sendfile(out, in, &offset, 5));
  printf("offset %ld\n", (long)offset);
  report("copy_file_range", copy_file_range(in, NULL, out, NULL, 3, 0));
  show("out");
  report("fallocate", posix_fallocate(out, 0, 100));
  show("out");
  struct statfs fs;
  report("statfs", statfs(".", &fs));
  printf("%d %ld\n", fs.f_bsize > 0, (long)fs.f_namelen);
  report("fsync", fsync(out));
  struct statx sx;
  report("statx", statx(AT_FDCWD, "out", 0, STATX_SIZE, &sx));
  printf("%d\n", (int)sx.stx_size);
  report("empty path", open("", O_RDONLY));
  char *long_name = malloc(5000);
  memset(long_name, 'a', 4999);
  long_name[4999] = 0;
  report("long path", open(long_name, O_RDONLY));
  long_name[300] = 0;
  report("long name", open(long_name, O_RDONLY));
  report("null path", syscall(SYS_open, NULL, O_RDONLY));
  report("isatty", isatty(out));
  report("fifo", mkfifo("fifo", 0600));
  show("fifo");
  report("old stat", syscall(SYS_stat, "out", buffer));
  report("oldest stat", syscall(SYS_oldstat, "nothing", buffer));
  unsigned long long big = 0;
  report("llseek", syscall(SYS__llseek, out, 1, 5, &big, SEEK_SET));
  printf("%llx\n", big);
  report("getcwd small", syscall(SYS_getcwd, cwd, 2));
  report("bad fd", write(999, "x", 1));
  report("write to reader", write(in, "x", 1));
  report("dev null", write(open("/dev/null", O_WRONLY), "xyz", 3));
  report("dev full", write(open("/dev/full", O_WRONLY), "xyz", 3));
  struct iovec many[2000];
  memset(many, 0, sizeof many);
  report("too many parts", writev(out, many, 2000));
  report("unlink", unlink("zeta2"));
  report("unlink missing", unlink("zeta2"));
  report("umask", umask(0));
  report("link in sight", symlinkat("x", AT_FDCWD, "dangling"));
  report("create through it", open("dangling", O_CREAT | O_WRONLY, 0644) >= 0);
  show("x");
  return 0;
}
