/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The smallest machine that can tell ROM from RAM: one page of real-mode code, and a region that it
 * writes a byte to and reads the byte from.
 *
 *     guest FD OFFSET SIZE PERMS
 *
 * maps SIZE bytes of descriptor FD as PERMS, which is as in /proc/PID/maps (`rw-s`, `r--p`), makes
 * it a memory slot, read-only if the mapping is, and prints
 *
 *     denied N read XX
 *
 * how many writes the machine's memory did not take, and what the guest reads afterwards. With the
 * PERMS `r--S` the slot is not marked read-only, which must not make it writable. Exits with 77
 * where KVM can not do it.
 *
 * Source: the sheet on memory, section 8.4; Documentation/virt/kvm/api.rst of Linux.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { CODE_ADDRESS = 0x1000, REGION_ADDRESS = 0x100000, PAGE = 4096, SKIP = 77, PORT = 0x42 };

static const uint8_t code[] = {
    0xb8, 0xff, 0xff,             /* mov ax, 0xffff */
    0x8e, 0xd8,                   /* mov ds, ax: from 0xffff0 */
    0xc6, 0x06, 0x10, 0x00, 0x5a, /* mov byte [0x10], 0x5a: at 0x100000 */
    0xa0, 0x10, 0x00,             /* mov al, [0x10] */
    0xe6, PORT,                   /* out PORT, al */
    0xf4,                         /* hlt */
};

static _Noreturn void leave(int status, const char *what)
{
    printf("%s: %s\n", what, strerror(errno));
    exit(status);
}

static void add_slot(int vm, uint32_t slot, uint64_t guest_address, void *memory, size_t size,
                     bool rom)
{
    struct kvm_userspace_memory_region region = {
        .slot = slot,
        .flags = rom ? KVM_MEM_READONLY : 0,
        .guest_phys_addr = guest_address,
        .memory_size = size,
        .userspace_addr = (uintptr_t)memory,
    };
    if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) < 0) {
        leave(EXIT_FAILURE, "KVM_SET_USER_MEMORY_REGION");
    }
}

/* A machine without devices; the descriptor of KVM stays open until the end. */
static int make_machine(int *kvm)
{
    *kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    int vm = *kvm < 0 ? -1 : ioctl(*kvm, KVM_CREATE_VM, 0);
    if (vm < 0 || ioctl(*kvm, KVM_CHECK_EXTENSION, KVM_CAP_READONLY_MEM) <= 0) {
        leave(SKIP, "/dev/kvm");
    }
    return vm;
}

static int make_cpu(int kvm, int vm, struct kvm_run **run)
{
    struct kvm_sregs sregs;
    struct kvm_regs regs = {.rip = CODE_ADDRESS, .rflags = 2};
    int cpu = ioctl(vm, KVM_CREATE_VCPU, 0);
    int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (cpu < 0 || size < (int)sizeof(**run) || ioctl(cpu, KVM_GET_SREGS, &sregs) < 0) {
        leave(SKIP, "KVM_CREATE_VCPU");
    }
    sregs.cs.base = sregs.cs.selector = 0;
    if (ioctl(cpu, KVM_SET_SREGS, &sregs) < 0 || ioctl(cpu, KVM_SET_REGS, &regs) < 0) {
        leave(SKIP, "KVM_SET_REGS");
    }
    *run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
    if (*run == MAP_FAILED) {
        leave(EXIT_FAILURE, "mmap of the CPU");
    }
    return cpu;
}

static void run_to_the_end(int cpu, const struct kvm_run *run)
{
    unsigned denied = 0;
    uint8_t byte = 0;
    for (;;) {
        if (ioctl(cpu, KVM_RUN, 0) < 0 && errno != EINTR) {
            leave(EXIT_FAILURE, "KVM_RUN");
        }
        switch (run->exit_reason) {
        case KVM_EXIT_MMIO:
            denied += run->mmio.is_write && run->mmio.phys_addr == REGION_ADDRESS;
            break;
        case KVM_EXIT_IO:
            if (run->io.port == PORT) {
                byte = *((const uint8_t *)run + run->io.data_offset);
            }
            break;
        case KVM_EXIT_HLT: printf("denied %u read %02x\n", denied, byte); return;
        case KVM_EXIT_INTR: break;
        default: printf("the CPU has stopped, reason %u\n", run->exit_reason); exit(EXIT_FAILURE);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 5 || strlen(argv[4]) != 4) {
        fprintf(stderr, "usage: guest FD OFFSET SIZE PERMS\n");
        return EXIT_FAILURE;
    }
    const char *perms = argv[4];
    bool writable = perms[1] == 'w', marked = perms[3] != 'S';
    size_t size = strtoull(argv[3], NULL, 0);
    void *region =
        mmap(NULL, size, writable ? PROT_READ | PROT_WRITE : PROT_READ,
             perms[3] == 'p' ? MAP_PRIVATE : MAP_SHARED, atoi(argv[1]), strtoll(argv[2], NULL, 0));
    void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (region == MAP_FAILED || page == MAP_FAILED) {
        leave(EXIT_FAILURE, "mmap");
    }
    memcpy(page, code, sizeof(code));

    int kvm, vm = make_machine(&kvm);
    struct kvm_run *run;
    add_slot(vm, 0, CODE_ADDRESS, page, PAGE, false);
    add_slot(vm, 1, REGION_ADDRESS, region, size, !writable && marked);
    int cpu = make_cpu(kvm, vm, &run);
    run_to_the_end(cpu, run);
    return EXIT_SUCCESS;
}
