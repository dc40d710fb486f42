/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See mount_fs.h.
 *
 * Files are like those in /sys: their size is not known (0), nothing is cached, a read from the
 * start fetches the value, and each write is a whole value, so that the writer learns what the
 * server says. Entries are remembered by the kernel for a second, missing ones not at all.
 */
#define FUSE_USE_VERSION 31
#include "client/mount_fs.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <glib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Seconds for which the kernel relies on what it was told of a file that exists. */
#define REMEMBER_S 1.0

/* An open file. */
typedef struct OpenFile {
    char *text; /* what the last read from the start has fetched, or NULL */
    size_t len;
    bool append; /* offsets mean nothing: the kernel counts from the last write's end */
} OpenFile;

static void file_free(gpointer data)
{
    OpenFile *file = data;
    g_free(file->text);
    g_free(file);
}

void mount_fs_init(MountFs *fs, MountTree *tree)
{
    fs->tree = tree;
    fs->files = g_hash_table_new_full(NULL, NULL, file_free, NULL);
    fs->uid = getuid();
    fs->gid = getgid();
    fs->since = time(NULL);
}

void mount_fs_clear(MountFs *fs)
{
    g_hash_table_unref(fs->files);
}

static MountFs *fs_here(void)
{
    return fuse_get_context()->private_data;
}

static OpenFile *open_file(const struct fuse_file_info *fi)
{
    return (OpenFile *)(uintptr_t)fi->fh;
}

static void *fs_init(struct fuse_conn_info *conn, struct fuse_config *config)
{
    config->entry_timeout = REMEMBER_S;
    config->attr_timeout = REMEMBER_S;
    config->negative_timeout = 0;
    config->direct_io = 1;
    return fs_here();
}

static void fill_stat(const char *path, const MountNode *node, struct stat *st)
{
    const MountFs *fs = fs_here();
    memset(st, 0, sizeof(*st));
    st->st_uid = fs->uid;
    st->st_gid = fs->gid;
    st->st_nlink = 1;
    st->st_mtime = st->st_ctime = st->st_atime = fs->since;
    switch (node->kind) {
    case MOUNT_OBJECT:
        /* Only in /objects can folders be removed. */
        st->st_mode = S_IFDIR | (strcmp(path, "/objects") ? 0555 : 0755);
        break;
    case MOUNT_LINK: st->st_mode = S_IFLNK | 0777; break;
    case MOUNT_FILE:
        st->st_mode = S_IFREG | (node->readable ? 0444 : 0) | (node->writable ? 0200 : 0);
        break;
    }
}

static int fs_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
    MountNode node;
    int rc = mount_tree_look(fs_here()->tree, path, &node);
    if (rc == 0) {
        fill_stat(path, &node, st);
    }
    return rc;
}

static int fs_readlink(const char *path, char *buf, size_t size)
{
    g_autofree char *target = NULL;
    int rc = mount_tree_target(fs_here()->tree, path, &target);
    if (rc == 0) {
        g_strlcpy(buf, target, size);
    }
    return rc;
}

typedef struct Listing {
    const char *path;
    void *buf;
    fuse_fill_dir_t fill;
} Listing;

static int add_entry(const char *name, const MountNode *node, void *opaque)
{
    const Listing *to = opaque;
    bool top = !strcmp(to->path, "/") && !strcmp(name, "objects");
    struct stat st;
    fill_stat(top ? "/objects" : "", node, &st);
    return to->fill(to->buf, name, &st, 0, FUSE_FILL_DIR_PLUS) ? -ENOMEM : 0;
}

static int fs_readdir(const char *path, void *buf, fuse_fill_dir_t fill, off_t offset,
                      struct fuse_file_info *fi, enum fuse_readdir_flags flags)
{
    Listing to = {path, buf, fill};
    fill(buf, ".", NULL, 0, 0);
    fill(buf, "..", NULL, 0, 0);
    return mount_tree_list(fs_here()->tree, path, add_entry, &to);
}

/* Root may open everything, so the modes are checked here too. */
static int fs_open(const char *path, struct fuse_file_info *fi)
{
    int access = fi->flags & O_ACCMODE;
    MountNode node;
    int rc = mount_tree_look(fs_here()->tree, path, &node);
    if (rc != 0) {
        return rc;
    }
    if ((access != O_WRONLY && !node.readable) || (access != O_RDONLY && !node.writable)) {
        return -EACCES;
    }
    OpenFile *file = g_new0(OpenFile, 1);
    file->append = fi->flags & O_APPEND;
    g_hash_table_add(fs_here()->files, file);
    fi->fh = (uintptr_t)file;
    fi->direct_io = 1;
    return 0;
}

static int fs_release(const char *path, struct fuse_file_info *fi)
{
    g_hash_table_remove(fs_here()->files, open_file(fi));
    return 0;
}

static int fs_read(const char *path, char *buf, size_t size, off_t offset,
                   struct fuse_file_info *fi)
{
    OpenFile *file = open_file(fi);
    if (offset == 0 || !file->text) {
        g_clear_pointer(&file->text, g_free);
        int rc = mount_tree_read(fs_here()->tree, path, &file->text, &file->len);
        if (rc != 0) {
            return rc;
        }
    }
    if (offset < 0 || (size_t)offset >= file->len) {
        return 0;
    }
    size_t n = MIN(size, file->len - (size_t)offset);
    memcpy(buf, file->text + offset, n);
    return (int)n;
}

static int fs_write(const char *path, const char *buf, size_t size, off_t offset,
                    struct fuse_file_info *fi)
{
    if (offset != 0 && !open_file(fi)->append) {
        return -EINVAL; /* the rest of a value that was not written in one go */
    }
    int rc = mount_tree_write(fs_here()->tree, path, buf, size);
    return rc == 0 ? (int)size : rc;
}

/* What a shell's `>` does before it writes. */
static int fs_truncate(const char *path, off_t size, struct fuse_file_info *fi)
{
    MountNode node;
    int rc = mount_tree_look(fs_here()->tree, path, &node);
    if (rc != 0) {
        return rc;
    }
    return node.kind == MOUNT_FILE && node.writable ? 0 : -EACCES;
}

static int fs_rmdir(const char *path)
{
    return mount_tree_remove(fs_here()->tree, path);
}

static int refuse_path(const char *path)
{
    return -EPERM;
}

static int refuse_mkdir(const char *path, mode_t mode)
{
    return -EPERM;
}

static int refuse_two(const char *from, const char *to)
{
    return -EPERM;
}

static int refuse_rename(const char *from, const char *to, unsigned flags)
{
    return -EPERM;
}

static int refuse_create(const char *path, mode_t mode, struct fuse_file_info *fi)
{
    return -EPERM;
}

static int refuse_chmod(const char *path, mode_t mode, struct fuse_file_info *fi)
{
    return -EPERM;
}

const struct fuse_operations *mount_fs_operations(void)
{
    static const struct fuse_operations operations = {
        .init = fs_init,
        .getattr = fs_getattr,
        .readlink = fs_readlink,
        .readdir = fs_readdir,
        .open = fs_open,
        .release = fs_release,
        .read = fs_read,
        .write = fs_write,
        .truncate = fs_truncate,
        .rmdir = fs_rmdir,
        .unlink = refuse_path,
        .mkdir = refuse_mkdir,
        .symlink = refuse_two,
        .link = refuse_two,
        .rename = refuse_rename,
        .create = refuse_create,
        .chmod = refuse_chmod,
    };
    return &operations;
}
