// Run seam.cu on the CPU: as a shared library for the tests, or, with -DSEAM_MAIN, as a program for AddressSanitizer.
// Compile with -DKERNEL_SOURCE='"path/to/seam.cu"'.

#include "cuda_on_cpu.h"

#include KERNEL_SOURCE

// `fenced_out` and `fenced_reports` receive what `out` and `reports` held at the system fence: what the host is
// promised to see once it sees the sequence word. Returns 0, or 1 after a deadlock.
extern "C" int run_seam(const float* y, float* tail, const SeamControls* controls, float* out, SeamReport* reports,
                        int frames, int overlap, int slot_frames, int slots, int order, unsigned int seed,
                        float* fenced_out, SeamReport* fenced_reports) {
    const std::size_t out_bytes = sizeof(float2) * static_cast<std::size_t>(slots) * slot_frames;
    cuda_on_cpu::on_system_fence = [=] {
        std::memcpy(fenced_out, out, out_bytes);
        std::memcpy(fenced_reports, reports, sizeof(SeamReport) * slots);
    };
    const int status = cuda_on_cpu::launch(1, kThreads, static_cast<cuda_on_cpu::Order>(order), seed, [=] {
        seam(y, tail, controls, reinterpret_cast<float2*>(out), reports, frames, overlap, slot_frames, slots);
    });
    cuda_on_cpu::on_system_fence = nullptr;  // these buffers are the caller's
    return status;
}

#ifdef SEAM_MAIN
// Buffers of exactly the promised size, so that one element too far is an error AddressSanitizer names.
int main(int argc, char** argv) {
    const int frames = argc > 1 ? std::atoi(argv[1]) : 1920;
    const int overlap = 480;
    const SeamControls controls = {0.5f, 2.0f, 0.8f, 0.985f, 1};
    std::vector<float> y(2 * (frames + overlap)), tail(2 * overlap), out(2 * frames), fenced_out(2 * frames);
    std::vector<SeamReport> reports(1), fenced_reports(1);
    for (std::size_t i = 0; i < y.size(); ++i) y[i] = std::sin(0.01f * static_cast<float>(i));
    const int status = run_seam(y.data(), tail.data(), &controls, out.data(), reports.data(), frames, overlap, frames, 1,
                                static_cast<int>(cuda_on_cpu::Order::shuffled), 1, fenced_out.data(),
                                fenced_reports.data());
    std::printf("frames %u peak %.6f %.6f\n", reports[0].frames, reports[0].peak[0], reports[0].peak[1]);
    return status;
}
#endif
