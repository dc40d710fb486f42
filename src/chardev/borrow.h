/* SPDX-License-Identifier: BSD-3-Clause */
/* For frontends in this house that do their own input and output. */
#ifndef CHARDEV_BORROW_H
#define CHARDEV_BORROW_H

#include "io/channel.h"
#include "qom/chardev.h"

/*
 * Lends the channel of @stream, for use in any one thread, until chr_stream_close(), when it must
 * be out of use. The stream itself does nothing any more and gives no callbacks, not even for the
 * peer's leaving. NULL: it has no channel, or keeps a log. From the frontend's `opened`.
 */
IoChannel *chr_stream_borrow_channel(ChrStream *stream);

#endif
