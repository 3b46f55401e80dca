// Linux and macOS. What only one of them has is asked for where it is.
#include "system.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace legando {

void read_clock_id(std::uint8_t (&id)[16])
{
    std::memset(id, 0, sizeof id);
    std::FILE* file = std::fopen("/proc/sys/kernel/random/boot_id", "r");  // Linux's alone
    if (!file)
        return;
    char text[64] = {};
    if (std::fread(text, 1, 36, file) == 36) {
        std::size_t digit = 0;
        for (const char* at = text; *at && digit < 32; ++at) {
            const char c = *at;
            const int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
            if (value < 0)
                continue;
            id[digit / 2] = static_cast<std::uint8_t>(id[digit / 2] << 4 | value);
            ++digit;
        }
    }
    std::fclose(file);
}

int take_priority()
{
    sched_param priority{};
    priority.sched_priority = kPriority;
    return ::pthread_setschedparam(::pthread_self(), SCHED_FIFO, &priority) == 0 ? SCHED_FIFO : -1;
}

void name_thread(const char* name)
{
#ifdef __APPLE__
    ::pthread_setname_np(name);
#elif defined(__linux__)
    ::pthread_setname_np(::pthread_self(), name);
#else
    static_cast<void>(name);
#endif
}

struct WithoutSignals::Before {
    sigset_t mask;
};

WithoutSignals::WithoutSignals() : before_(new Before)
{
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_->mask);
}

WithoutSignals::~WithoutSignals() { ::pthread_sigmask(SIG_SETMASK, &before_->mask, nullptr); }

std::string environment(const char* name)
{
    const char* value = std::getenv(name);
    return value ? value : "";
}

std::filesystem::path home_folder() { return environment("HOME"); }

std::filesystem::path config_folder()
{
    const std::string folder = environment("XDG_CONFIG_HOME");
    return (folder.empty() ? home_folder() / ".config" : std::filesystem::path(folder)) / "legando";
}

std::string private_folder()
{
    const auto is_folder = [](const std::string& path) {
        struct stat about {};
        return !path.empty() && ::stat(path.c_str(), &about) == 0 && S_ISDIR(about.st_mode);
    };
    const std::string run_time = environment("XDG_RUNTIME_DIR");
    if (is_folder(run_time))
        return run_time + "/legando";
    for (const char* name : {"TMPDIR", "TEMP", "TMP"}) {  // in the order of Python's tempfile
        const std::string folder = environment(name);
        if (is_folder(folder))
            return folder + "/legando-" + std::to_string(::getuid());
    }
    return "/tmp/legando-" + std::to_string(::getuid());
}

bool is_private(const std::filesystem::path& path)
{
    struct stat about {};
    return ::stat(path.c_str(), &about) == 0 && !(about.st_mode & 077);
}

}  // namespace legando
