// Launch any kernel of one .cu file on the CPU, its arguments given as the CUDA driver takes them: an array of pointers
// to the values. Compile with -DKERNEL_SOURCE='"path/to/name.cu"' and -DKERNEL_NAMES='KERNEL(first) KERNEL(second)'.

#include "cuda_on_cpu.h"

#include KERNEL_SOURCE

template <typename... A, std::size_t... I>
static void call(void (*kernel)(A...), void** arguments, std::index_sequence<I...>) {
    kernel(*static_cast<A*>(arguments[I])...);
}

template <typename... A> static void call(void (*kernel)(A...), void** arguments) {
    call(kernel, arguments, std::index_sequence_for<A...>{});
}

// Returns 0, 1 after a deadlock, 2 for an unknown name.
extern "C" int launch_kernel(const char* name, unsigned int grid, unsigned int block, int order, unsigned int seed,
                             void** arguments) {
    std::function<void()> body;
#define KERNEL(known) \
    if (!std::strcmp(name, #known)) body = [=] { call(known, arguments); };
    KERNEL_NAMES
#undef KERNEL
    if (!body) return 2;
    return cuda_on_cpu::launch(grid, block, static_cast<cuda_on_cpu::Order>(order), seed, body);
}
