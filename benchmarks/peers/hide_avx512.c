/* Hides AVX-512, AVX-VNNI and AMX from every library in a process, to compare as on a processor without them.
 *
 * ONEDNN_MAX_CPU_ISA affects only oneDNN; ONNX Runtime and others execute CPUID. Linux can make that instruction fault
 * (arch_prctl, ARCH_SET_CPUID; "cpuid_fault" in /proc/cpuinfo), and the signal handler here answers instead.
 *
 *     gcc -O1 -shared -fPIC -o runs/hide_avx512.so benchmarks/peers/hide_avx512.c
 *     LD_PRELOAD=$PWD/runs/hide_avx512.so python -m benchmarks.peers --isa avx2 ...
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define ARCH_SET_CPUID 0x1012
#define BIT(n) (1u << (n))

static long answer_cpuid(int on) { return syscall(SYS_arch_prctl, ARCH_SET_CPUID, (unsigned long)on); }

static void handle(int number, siginfo_t *info, void *context) {
  greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  const uint8_t *code = (const uint8_t *)registers[REG_RIP];
  if (code[0] != 0x0f || code[1] != 0xa2) { /* a real fault: it happens again, and ends the process */
    signal(number, SIG_DFL);
    return;
  }
  uint32_t leaf = registers[REG_RAX], part = registers[REG_RCX], a, b, c, d;
  answer_cpuid(1);
  __cpuid_count(leaf, part, a, b, c, d);
  answer_cpuid(0);
  if (leaf == 7 && part == 0) { /* Intel's manual, volume 2A, CPUID: extended features */
    b &= ~(BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) | BIT(31));
    c &= ~(BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14));
    d &= ~(BIT(2) | BIT(3) | BIT(8) | BIT(22) | BIT(23) | BIT(24) | BIT(25));
  }
  if (leaf == 7 && part == 1) {
    a &= ~(BIT(4) | BIT(5) | BIT(21));
    d &= ~(BIT(4) | BIT(5) | BIT(10));
  }
  registers[REG_RAX] = a;
  registers[REG_RBX] = b;
  registers[REG_RCX] = c;
  registers[REG_RDX] = d;
  registers[REG_RIP] += 2;
}

__attribute__((constructor)) static void begin(void) {
  struct sigaction action = {0};
  action.sa_sigaction = handle;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGSEGV, &action, 0);
  if (answer_cpuid(0) != 0) {
    fputs("hide_avx512: this kernel or processor cannot make CPUID fault\n", stderr);
    _exit(1);
  }
}
