// The i386 Linux ABI as data: structures as the guest lays them out, and constants whose i386 values differ
// from those of the build machine's own headers.
//
// Values that i386 and x86-64 share (errno, O_*, MAP_*, SIG*, ...) come from the system headers.
// Source: Linux, arch/x86/include/uapi/asm/ and include/uapi/ (the 32-bit side of each).
#pragma once

#include <cstdint>

namespace chrysalis::sim::kernel::abi {

// i386 aligns 64-bit members to 4 bytes.
#pragma pack(push, 4)

struct Timespec32 { int32_t seconds, nanoseconds; };
struct Timespec64 { int64_t seconds; int64_t nanoseconds; };
struct Timeval32 { int32_t seconds, microseconds; };
struct Itimerval32 { Timeval32 interval, value; };
struct Timezone { int32_t minutes_west, dst_time; };
struct Iovec32 { uint32_t base, length; };
struct Pollfd { int32_t fd; int16_t events, revents; };

struct OldStat {
  uint16_t dev, ino, mode, nlink, uid, gid, rdev, pad;
  uint32_t size, atime, mtime, ctime;
};
struct Stat {
  uint32_t dev, ino;
  uint16_t mode, nlink, uid, gid;
  uint32_t rdev, size, blksize, blocks;
  uint32_t atime, atime_ns, mtime, mtime_ns, ctime, ctime_ns;
  uint32_t unused[2];
};
static_assert(sizeof(Stat) == 64);
struct Stat64 {
  uint64_t dev;
  uint32_t pad0, short_ino;
  uint32_t mode, nlink, uid, gid;
  uint64_t rdev;
  uint32_t pad3;
  int64_t size;
  uint32_t blksize;
  uint64_t blocks;
  uint32_t atime, atime_ns, mtime, mtime_ns, ctime, ctime_ns;
  uint64_t ino;
};
static_assert(sizeof(Stat64) == 96);
struct Statfs {
  uint32_t type, bsize, blocks, bfree, bavail, files, ffree;
  int32_t fsid[2];
  uint32_t namelen, frsize, flags, spare[4];
};
static_assert(sizeof(Statfs) == 64);
struct Statfs64 {
  uint32_t type, bsize;
  uint64_t blocks, bfree, bavail, files, ffree;
  int32_t fsid[2];
  uint32_t namelen, frsize, flags, spare[4];
};
static_assert(sizeof(Statfs64) == 84);
struct Flock { int16_t type, whence; int32_t start, length, pid; };
struct Flock64 { int16_t type, whence; int64_t start, length; int32_t pid; };
static_assert(sizeof(Flock64) == 24);

struct Sysinfo {
  int32_t uptime;
  uint32_t loads[3], totalram, freeram, sharedram, bufferram, totalswap, freeswap;
  uint16_t procs, pad;
  uint32_t totalhigh, freehigh, mem_unit;
  uint8_t spare[8];
};
static_assert(sizeof(Sysinfo) == 64);
struct Rusage { Timeval32 user, system; int32_t values[14]; };
struct Rlimit32 { uint32_t current, maximum; };
struct Rlimit64 { uint64_t current, maximum; };
struct Tms { int32_t user, system, children_user, children_system; };
struct OldUtsname { char sysname[9], nodename[9], release[9], version[9], machine[9]; };
struct UserDesc { uint32_t entry, base, limit, flags; };
struct MmapArguments { uint32_t address, length, prot, flags, fd, offset; };

// -- Signals -----------------------------------------------------------------------------------
struct OldSigaction { uint32_t handler, mask, flags, restorer; };
struct Sigaction { uint32_t handler, flags, restorer; uint64_t mask; };
static_assert(sizeof(Sigaction) == 20);
struct SigAltStack { uint32_t sp; int32_t flags; uint32_t size; };
/// siginfo_t: words 0..2 are signo, errno, code; the meaning of the rest depends on them.
struct Siginfo { int32_t word[32]; };

struct Sigcontext {
  uint32_t gs, fs, es, ds, edi, esi, ebp, esp, ebx, edx, ecx, eax, trapno, error, eip, cs, eflags;
  uint32_t esp_at_signal, ss, fpstate, oldmask, cr2;
};
static_assert(sizeof(Sigcontext) == 88);
/// The FSAVE image, and the word that tells whether an FXSAVE image follows it.
struct FsaveState {
  uint32_t cw, sw, tag, ip_offset, cs_selector, data_offset, data_selector;
  uint8_t st[8][10];
  uint16_t status, magic;
};
static_assert(sizeof(FsaveState) == 112);
struct FxsaveState {
  uint16_t cw, sw;
  uint8_t tag, reserved0;
  uint16_t opcode;
  uint32_t ip_offset, cs_selector, data_offset, data_selector, mxcsr, mxcsr_mask;
  uint8_t st[8][16];
  uint8_t xmm[8][16];
  uint8_t reserved1[224];
};
static_assert(sizeof(FxsaveState) == 512);
struct SignalFrame {
  uint32_t return_address, signal;
  Sigcontext context;
  uint8_t unused_fpstate[624];
  uint32_t extra_mask;
  uint8_t return_code[8];
};
static_assert(sizeof(SignalFrame) == 732);
struct Ucontext { uint32_t flags, link; SigAltStack stack; Sigcontext context; uint64_t mask; };
struct RtSignalFrame {
  uint32_t return_address, signal, info_address, context_address;
  Siginfo info;
  Ucontext context;
  uint8_t return_code[8];
};
static_assert(sizeof(RtSignalFrame) == 268);

#pragma pack(pop)

inline constexpr uint32_t kSaRestorer = 0x0400'0000;
inline constexpr uint32_t kMinSigStack = 2048;

// -- Selectors of a 64-bit kernel running a 32-bit program ------------------------------------------
inline constexpr uint32_t kUserCode = 0x23, kUserData = 0x2b;
inline constexpr uint32_t kTlsEntry = 12, kTlsCount = 3;

// -- fcntl commands with 32-bit and 64-bit locks ----------------------------------------------------
inline constexpr uint32_t kGetLock = 5, kSetLock = 6, kSetLockWait = 7;
inline constexpr uint32_t kGetLock64 = 12, kSetLock64 = 13, kSetLockWait64 = 14;

}  // namespace chrysalis::sim::kernel::abi
