#include "client_config.hpp"

#include <arpa/inet.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

namespace legando {

namespace {

std::string environment(const char* name)
{
    const char* value = std::getenv(name);
    return value ? value : "";
}

bool is_folder(const std::string& path)
{
    struct stat about {};
    return ::stat(path.c_str(), &about) == 0 && S_ISDIR(about.st_mode);
}

std::string expand(const std::string& path)
{
    return path.rfind("~/", 0) == 0 ? environment("HOME") + path.substr(1) : path;
}

// The folder of sockets that have a name only (`endpoint.private_folder`).
std::string private_folder()
{
    const std::string run_time = environment("XDG_RUNTIME_DIR");
    if (!run_time.empty() && is_folder(run_time))
        return run_time + "/legando";
    for (const char* name : {"TMPDIR", "TEMP", "TMP"}) {  // in the order of Python's tempfile
        const std::string folder = environment(name);
        if (!folder.empty() && is_folder(folder))
            return folder + "/legando-" + std::to_string(::getuid());
    }
    return "/tmp/legando-" + std::to_string(::getuid());
}

bool is_loopback(const std::string& host)
{
    in_addr four{};
    in6_addr six{};
    if (::inet_pton(AF_INET, host.c_str(), &four) == 1)
        return (ntohl(four.s_addr) >> 24) == 127;
    if (host.size() > 2 && host.front() == '[' && host.back() == ']')
        return ::inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
    return false;
}

// The value of `NAME = "..."` in a certificate of ZeroMQ's format: 40 characters of Z85.
std::string read_key(const std::string& path, const char* name)
{
    std::ifstream file(path);
    std::string line;
    while (std::getline(file, line)) {
        const std::size_t start = line.find_first_not_of(" \t");
        if (start == std::string::npos || line.compare(start, std::strlen(name), name) != 0)
            continue;
        const std::size_t from = line.find('"'), to = line.rfind('"');
        if (from != std::string::npos && to == from + 41)
            return line.substr(from + 1, 40);
    }
    return "";
}

}  // namespace

Config with_defaults(Config config)
{
    const auto fill = [](std::string& value, const char* variable, const char* usual) {
        if (value.empty())
            value = environment(variable);
        if (value.empty())
            value = usual;
    };
    fill(config.audio, "LEGANDO_AUDIO", "ipc://audio");
    fill(config.control, "LEGANDO_CONTROL", "ipc://control");
    fill(config.stream, "LEGANDO_STREAM", "main");
    fill(config.keys, "LEGANDO_KEYS", "");
    fill(config.client, "LEGANDO_CLIENT", "client");
    return config;
}

Config from_list(int number)
{
    const std::string home = environment("XDG_CONFIG_HOME");
    std::ifstream file((home.empty() ? environment("HOME") + "/.config" : home) + "/legando/servers");
    std::string line;
    while (number > 0 && std::getline(file, line)) {
        std::istringstream words(line);
        std::string word;
        if (!(words >> word) || word[0] == '#' || --number)
            continue;
        Config config;
        std::string* const members[] = {&config.audio, &config.control, &config.stream, &config.keys, &config.client};
        for (std::string* const member : members) {
            if (word != "-")
                *member = word;
            if (!(words >> word))
                break;
        }
        return config;
    }
    return {};
}

std::string resolve(const std::string& endpoint, bool encrypted)
{
    if (endpoint.rfind("ipc://", 0) == 0) {
        std::string rest = endpoint.substr(6);
        if (rest.empty() || rest[0] == '@' || rest[0] == '*' || rest.back() == '/')
            return "";
        rest = rest.find('/') == std::string::npos ? private_folder() + "/" + rest : expand(rest);
        return rest.size() <= 107 ? "ipc://" + rest : "";
    }
    if (endpoint.rfind("tcp://", 0) == 0) {
        std::string rest = endpoint.substr(6);
        if (rest.rfind("localhost:", 0) == 0)
            rest = "127.0.0.1" + rest.substr(9);
        const std::size_t colon = rest.rfind(':');
        if (colon == std::string::npos || colon == 0)
            return "";
        const std::string port = rest.substr(colon + 1);
        if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != std::string::npos || std::stoi(port) < 1 || std::stoi(port) > 65535)
            return "";
        const std::string host = rest.substr(0, colon);
        if (host.find_first_of(";,/ ") != std::string::npos || (!encrypted && !is_loopback(host)))
            return "";
        return "tcp://" + rest;
    }
    return "";
}

Keys read_keys(const std::string& folder, const std::string& client)
{
    const std::string at = expand(folder), mine = at + "/" + client + ".key_secret";
    struct stat about {};
    if (::stat(mine.c_str(), &about) != 0 || (about.st_mode & 077))
        return {};
    Keys keys{read_key(at + "/server.key", "public-key"), read_key(mine, "public-key"), read_key(mine, "secret-key")};
    if (keys.server.empty() || keys.publics.empty() || keys.secret.empty())
        return {};
    return keys;
}

}  // namespace legando
