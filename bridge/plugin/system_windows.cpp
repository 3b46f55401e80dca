// Windows 7 and later.
#include "system.hpp"

// clang-format off
#include <windows.h>
#include <aclapi.h>
// clang-format on

#include <cstdlib>
#include <cstring>

namespace legando {

// No server there reads the clock that a plug-in reads, so that none is claimed.
void read_clock_id(std::uint8_t (&id)[16]) { std::memset(id, 0, sizeof id); }

int take_priority()
{
    ::SetThreadPriority(::GetCurrentThread(), THREAD_PRIORITY_HIGHEST);
    return -1;
}

void name_thread(const char*) {}  // a debugger's matter there, and only since Windows 10

struct WithoutSignals::Before {};
WithoutSignals::WithoutSignals() = default;
WithoutSignals::~WithoutSignals() = default;

std::string environment(const char* name)
{
    const std::wstring wide(name, name + std::strlen(name));
    const wchar_t* value = ::_wgetenv(wide.c_str());
    return value ? std::filesystem::path(value).u8string() : "";
}

std::filesystem::path home_folder() { return std::filesystem::u8path(environment("USERPROFILE")); }

std::filesystem::path config_folder() { return std::filesystem::u8path(environment("APPDATA")) / "legando"; }

std::string private_folder() { return ""; }

namespace {

// Whether this is the user, or who may read the files of others anyway: the system, and the machine's administrators.
bool is_us_or_rules(PSID who)
{
    if (::IsWellKnownSid(who, WinLocalSystemSid) || ::IsWellKnownSid(who, WinBuiltinAdministratorsSid))
        return true;
    alignas(TOKEN_USER) BYTE user[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    DWORD size = 0;
    HANDLE token = nullptr;
    if (!::OpenProcessToken(::GetCurrentProcess(), TOKEN_QUERY, &token))
        return false;
    const bool known = ::GetTokenInformation(token, TokenUser, user, sizeof user, &size);
    ::CloseHandle(token);
    return known && ::EqualSid(who, reinterpret_cast<TOKEN_USER*>(user)->User.Sid);
}

}  // namespace

// As OpenSSH does: nobody but the user and who rules the machine is on the file's list of access.
bool is_private(const std::filesystem::path& path)
{
    PACL list = nullptr;
    PSECURITY_DESCRIPTOR all = nullptr;
    std::wstring name = path.wstring();
    if (::GetNamedSecurityInfoW(name.data(), SE_FILE_OBJECT, DACL_SECURITY_INFORMATION, nullptr, nullptr, &list, nullptr, &all) != ERROR_SUCCESS)
        return false;
    bool mine = list != nullptr;  // without a list it is everyone's
    for (DWORD n = 0; mine && n < list->AceCount; ++n) {
        void* entry = nullptr;
        mine = ::GetAce(list, n, &entry);
        const BYTE type = mine ? static_cast<ACE_HEADER*>(entry)->AceType : ACCESS_DENIED_ACE_TYPE;
        if (type == ACCESS_ALLOWED_ACE_TYPE) {
            ACCESS_ALLOWED_ACE* const allowed = static_cast<ACCESS_ALLOWED_ACE*>(entry);
            const bool reads = allowed->Mask & (FILE_READ_DATA | GENERIC_READ | GENERIC_ALL | WRITE_DAC | WRITE_OWNER);
            mine = !reads || is_us_or_rules(&allowed->SidStart);
        } else
            mine = mine && type == ACCESS_DENIED_ACE_TYPE;
    }
    ::LocalFree(all);
    return mine;
}

}  // namespace legando
