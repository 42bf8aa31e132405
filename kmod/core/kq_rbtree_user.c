// SPDX-License-Identifier: GPL-2.0
/*
 * A red-black tree for user space, where the kernel's is not at hand. Not part of the module.
 */
#include "kq_rbtree_user.h"

static bool is_red(const struct rb_node *n)
{
	return n && n->rb_red;
}

/* @new, or nothing, comes where @old hung. */
static void replace(struct rb_root *root, struct rb_node *old, struct rb_node *new)
{
	struct rb_node *parent = old->rb_parent;

	if (!parent)
		root->rb_node = new;
	else if (parent->rb_left == old)
		parent->rb_left = new;
	else
		parent->rb_right = new;
	if (new)
		new->rb_parent = parent;
}

/* The child of @n on the one side takes its place, and @n becomes that one's other child. */
static void rotate(struct rb_root *root, struct rb_node *n, bool left)
{
	struct rb_node *up = left ? n->rb_right : n->rb_left;
	struct rb_node *moved = left ? up->rb_left : up->rb_right;

	replace(root, n, up);
	if (left) {
		n->rb_right = moved;
		up->rb_left = n;
	} else {
		n->rb_left = moved;
		up->rb_right = n;
	}
	if (moved)
		moved->rb_parent = n;
	n->rb_parent = up;
}

/**
 * rb_insert_color() - balance after rb_link_node()
 * @node: that was linked
 * @root: the tree
 */
void rb_insert_color(struct rb_node *node, struct rb_root *root)
{
	node->rb_red = true;
	while (is_red(node->rb_parent)) {
		struct rb_node *parent = node->rb_parent, *grand = parent->rb_parent;
		bool left = parent == grand->rb_left;
		struct rb_node *uncle = left ? grand->rb_right : grand->rb_left;

		if (is_red(uncle)) {
			parent->rb_red = false;
			uncle->rb_red = false;
			grand->rb_red = true;
			node = grand;
			continue;
		}
		if (node == (left ? parent->rb_right : parent->rb_left)) {
			rotate(root, parent, left);
			parent = node;
		}
		parent->rb_red = false;
		grand->rb_red = true;
		rotate(root, grand, !left);
		break;
	}
	root->rb_node->rb_red = false;
}

/* Below @parent, where @node (or nothing) hangs, a black one is missing. */
static void erase_color(struct rb_root *root, struct rb_node *parent, struct rb_node *node)
{
	while (parent && !is_red(node)) {
		bool left = node == parent->rb_left;
		struct rb_node *other = left ? parent->rb_right : parent->rb_left;
		struct rb_node *near, *far;

		if (is_red(other)) {
			other->rb_red = false;
			parent->rb_red = true;
			rotate(root, parent, left);
			other = left ? parent->rb_right : parent->rb_left;
		}
		near = left ? other->rb_left : other->rb_right;
		far = left ? other->rb_right : other->rb_left;
		if (!is_red(near) && !is_red(far)) {
			other->rb_red = true;
			node = parent;
			parent = node->rb_parent;
			continue;
		}
		if (!is_red(far)) {
			near->rb_red = false;
			other->rb_red = true;
			rotate(root, other, !left);
			far = other;
			other = near;
		}
		other->rb_red = parent->rb_red;
		parent->rb_red = false;
		far->rb_red = false;
		rotate(root, parent, left);
		return;
	}
	if (node)
		node->rb_red = false;
}

/**
 * rb_erase() - take a node out
 * @node: the node
 * @root: the tree
 */
void rb_erase(struct rb_node *node, struct rb_root *root)
{
	struct rb_node *child, *parent, *next = NULL;
	bool red;

	if (node->rb_left && node->rb_right) {
		for (next = node->rb_right; next->rb_left; next = next->rb_left)
			;
		child = next->rb_right;
		parent = next->rb_parent == node ? next : next->rb_parent;
		red = next->rb_red;
		replace(root, next, child);
		replace(root, node, next);
		next->rb_left = node->rb_left;
		next->rb_left->rb_parent = next;
		next->rb_right = node->rb_right;
		if (next->rb_right)
			next->rb_right->rb_parent = next;
		next->rb_red = node->rb_red;
	} else {
		child = node->rb_left ? node->rb_left : node->rb_right;
		parent = node->rb_parent;
		red = node->rb_red;
		replace(root, node, child);
	}
	if (!red)
		erase_color(root, parent, child);
}

/**
 * rb_first() - the first node in order
 * @root: the tree
 *
 * Return: it, or NULL.
 */
struct rb_node *rb_first(const struct rb_root *root)
{
	struct rb_node *n = root->rb_node;

	while (n && n->rb_left)
		n = n->rb_left;
	return n;
}

/**
 * rb_next() - the node behind another
 * @node: the other
 *
 * Return: it, or NULL.
 */
struct rb_node *rb_next(const struct rb_node *node)
{
	const struct rb_node *n = node;

	if (n->rb_right) {
		for (n = n->rb_right; n->rb_left; n = n->rb_left)
			;
		return (struct rb_node *)n;
	}
	while (n->rb_parent && n == n->rb_parent->rb_right)
		n = n->rb_parent;
	return n->rb_parent;
}
